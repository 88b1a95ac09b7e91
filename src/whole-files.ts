/** Files and folders that are there whole or not at all, also after a power cut. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { StockpipeError } from './errors.ts'

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
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Whether a disk of its own begins at this folder: then no folder that was made beside it can take its name. */
export const isMount = (path: string): boolean => statSync(path).dev !== statSync(dirname(path)).dev

/**
 * Makes a folder by filling another one beside it, which takes its name when `fill` is done. What `fill` throws leaves nothing; a
 * process that is killed leaves `NAME.unfinished-...`. The folder must not be there yet, or be empty, and neither a link nor a
 * mount; one that is there keeps its mode.
 */
export async function makeWhole<Result>(path: string, fill: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = folderBeside(path)
  try {
    const result = await fill(folder)
    const replaced = statSync(path, { throwIfNoEntry: false })
    if (replaced !== undefined) chmodSync(folder, replaced.mode & 0o7777)
    syncFolder(folder)
    if (replaced !== undefined) rmdirSync(path)
    renameSync(folder, path)
    syncFolder(dirname(path))
    return result
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function folderBeside(path: string): string {
  const parent = dirname(path)
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 })
    return mkdtempSync(join(parent, `${basename(path)}.unfinished-`))
  } catch (error) {
    throw new StockpipeError('data-dir', `cannot make a folder in ${parent}`, {
      cause: error,
      hint: 'check that this user may write there, or name another folder',
    })
  }
}
