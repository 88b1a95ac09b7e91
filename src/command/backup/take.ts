import { copyFileSync, existsSync, lstatSync, readdirSync, type Stats, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { layOut } from '../../data-dir.ts'
import { StockpipeError } from '../../errors.ts'
import { commitRows, copyLog } from '../../stream/broker/copy-log.ts'
import { copyDatabase } from '../../stream/sqlite.ts'
import { buildInfo } from '../../version.ts'
import { isMount, makeWhole, syncFile, syncFolder } from '../../whole-files.ts'
import { folderOf, originIn } from '../export/folder.ts'
import { describeFile, FILES, FORMAT, MANIFEST, type Manifest, NOTES } from './manifest.ts'

export interface Taken extends Manifest {
  /** Where it is. */
  folder: string
}

/**
 * Copies log and store of one origin into a folder that is laid out as a data folder, also while the pipeline runs. Throws
 * `data-dir` for a target that holds something or cannot be replaced, or where there is nothing to copy; `log-changed` where
 * retention was quicker than the copy.
 */
export async function takeBackup(settings: Settings, target: string): Promise<Taken> {
  const from = folderOf(settings)
  const origin = originIn(settings)
  const to = resolve(target)
  refuseTaken(to)
  const { version } = buildInfo()
  const manifest = await makeWhole(to, async (folder) => {
    const inside = layOut(folder, origin)
    // In this order, as `copyLog` says why. What recordings were acknowledged must be in the log, too.
    for (const name of NOTES) if (existsSync(join(from, name))) copySynced(join(from, name), join(inside, name))
    const commits = commitRows(join(from, 'log.db'))
    copyDatabase(join(from, 'store.db'), join(inside, 'store.db'))
    copyLog(join(from, 'log.db'), join(inside, 'log.db'), { commits, group: settings.kafkaGroup })
    const at = new Date(systemClock.now()).toISOString()
    const names = FILES.filter((name) => existsSync(join(inside, name)))
    const files = await Promise.all(names.map(async (name) => [name, await describeFile(join(inside, name))] as const))
    const made: Manifest = { format: FORMAT, version, origin, at, files: Object.fromEntries(files) }
    syncFolder(inside)
    const path = join(folder, MANIFEST)
    writeFileSync(path, `${JSON.stringify(made, null, 2)}\n`)
    syncFile(path)
    return made
  })
  return { ...manifest, folder: to }
}

function copySynced(path: string, target: string): void {
  copyFileSync(path, target)
  syncFile(target)
}

/** Before anything is copied: that may take long. */
function refuseTaken(target: string): void {
  const found = entryAt(target)
  if (found === null) return
  const inIt = `as ${join(target, 'monday')}`
  if (found.isSymbolicLink())
    throw new StockpipeError('data-dir', `${target} is a link`, {
      why: WHOLE,
      hint: `name the folder that it leads to, or a new one in that, ${inIt}`,
    })
  if (!found.isDirectory())
    throw new StockpipeError('data-dir', `${target} is a file, not a folder`, { hint: 'name a new folder' })
  if (isMount(target))
    throw new StockpipeError('data-dir', `a disk is mounted at ${target}`, {
      why: WHOLE,
      hint: `name a new folder in it, ${inIt}`,
    })
  if (readdirSync(target).length === 0) return
  throw new StockpipeError('data-dir', `${target} is not empty`, {
    why: 'a backup is a folder of its own, and never written over another one',
    hint: `name a new folder, as ${target}-2`,
  })
}

/** Null also where nobody can look: then no folder can be made there either, which is told. */
function entryAt(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch {
    return null
  }
}

const WHOLE = 'a backup is made beside its place, on the same disk, and takes its name when it is whole'
