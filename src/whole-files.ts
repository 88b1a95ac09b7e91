/** Files and folders that are there whole or not at all, also after a power cut. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** What was written to the file is on the disk when this returns. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The names in the folder are. Windows has no such call, and keeps them by itself. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Makes a folder by filling another one beside it, which takes its name when `fill` is done. What `fill` throws leaves nothing; a
 * process that is killed leaves `NAME.unfinished-...`. The folder must not be there yet, or be empty.
 */
export async function makeWhole<Result>(path: string, fill: (folder: string) => Promise<Result>): Promise<Result> {
  const parent = dirname(path)
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  const folder = mkdtempSync(join(parent, `${basename(path)}.unfinished-`))
  try {
    const result = await fill(folder)
    syncFolder(folder)
    if (existsSync(path)) rmdirSync(path)
    renameSync(folder, path)
    syncFolder(parent)
    return result
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
