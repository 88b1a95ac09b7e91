import { Database } from 'bun:sqlite'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import type { Clock } from './clock.ts'
import { StockpipeError } from './errors.ts'
import { syncFile } from './whole-files.ts'

export const ORIGINS = ['live', 'simulated', 'replay'] as const
export type Origin = (typeof ORIGINS)[number]

const MARKER = 'stockpipe.json'
const FORMAT = 1
const LOCK = 'lock.db'
const OWNER = 'owner.json'
/** In the folder of an origin: whose data it is. */
export const STAMP = 'origin.json'
/** What an empty volume or folder may hold already, and what a start that was cut short leaves. */
const HARMLESS: ReadonlySet<string> = new Set(['lost+found', '.DS_Store', `${MARKER}.new`])

/**
 * The folder of one origin's log and store, owned by this process until it is disposed of. Keep a reference:
 * the lock goes with the object when it is collected.
 */
export interface DataDir extends Disposable {
  root: string
  /** `<root>/<origin>`. */
  path: string
}

export interface DataDirOptions {
  path: string
  origin: Origin
  clock: Clock
  /** Take a folder that holds data of another origin. */
  allowMixed?: boolean
}

/** Opens, and creates with rights for its owner only, the folder for data of one origin. One process at a time. */
export function openDataDir({ path, origin, clock, allowMixed = false }: DataDirOptions): DataDir {
  const root = resolve(path)
  prepareRoot(root)
  const lock = takeLock(root)
  try {
    const folder = join(root, origin)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    checkStamp(folder, origin, allowMixed)
    writeWhole(join(root, OWNER), { pid: process.pid, since: new Date(clock.now()).toISOString() })
    return { root, path: folder, [Symbol.dispose]: () => lock.close() }
  } catch (error) {
    lock.close()
    throw notUsable(root, error)
  }
}

/** A folder that looks like a data folder, for data of one origin that is copied into it. Answers where that goes. */
export function layOut(root: string, origin: Origin): string {
  prepareRoot(root)
  syncFile(join(root, MARKER))
  const folder = join(root, origin)
  mkdirSync(folder, { mode: 0o700 })
  return folder
}

/** The origins that have data in the folder; for readers, which take no lock. */
export function existingOrigins(path: string): Origin[] {
  const root = resolve(path)
  if (!existsSync(join(root, MARKER)))
    throw new StockpipeError('data-dir', `there is no stockpipe data in ${root}`, {
      hint: 'run the pipeline first, or name another --data-dir',
    })
  return ORIGINS.filter((origin) => existsSync(join(root, origin, 'log.db')))
}

/** Who holds the folder, as far as is known; null when nobody does. */
export function ownerOf(path: string): { pid: number | null } | null {
  const root = resolve(path)
  if (!existsSync(join(root, LOCK))) return null
  try {
    takeLock(root).close()
    return null
  } catch {
    return { pid: readOwner(root) }
  }
}

function prepareRoot(root: string): void {
  try {
    if (existsSync(root) && !statSync(root).isDirectory())
      throw new StockpipeError('data-dir', `${root} is a file, not a folder`, { hint: 'name a folder by --data-dir' })
    mkdirSync(root, { recursive: true, mode: 0o700 })
    if (existsSync(join(root, MARKER))) return checkFormat(root)
    const others = readdirSync(root).filter((name) => !HARMLESS.has(name))
    if (others.length > 0)
      throw new StockpipeError('data-dir', `${root} is not a stockpipe data folder`, {
        why: `it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ' and more' : ''}, but no ${MARKER}`,
        hint: 'name an empty or a new folder by --data-dir',
      })
    writeWhole(join(root, MARKER), { format: FORMAT })
  } catch (error) {
    throw notUsable(root, error)
  }
}

function checkFormat(root: string): void {
  const { format } = readJson(join(root, MARKER)) as { format?: unknown }
  if (format === FORMAT) return
  throw new StockpipeError('data-dir', `${root} was written by another version of stockpipe`, {
    why: `its format is ${String(format)}, this version knows ${FORMAT}`,
    hint: 'use that version, or another --data-dir',
  })
}

function checkStamp(folder: string, origin: Origin, allowMixed: boolean): void {
  const stamp = join(folder, STAMP)
  if (!existsSync(stamp)) return writeWhole(stamp, { origin })
  const found = (readJson(stamp) as { origin?: unknown }).origin
  if (found === origin || allowMixed) return
  throw new StockpipeError('origin', `${folder} holds ${String(found)} data, not ${origin} data`, {
    why: 'data of different origins must not be mixed: nobody could tell real prices from made-up ones',
    hint: 'move the folder back to its own name, name another --data-dir, or say --allow-mixed',
  })
}

/** An exclusive lock that the system frees when the process ends, however it ends. */
function takeLock(root: string): Database {
  let lock: Database | undefined
  try {
    lock = new Database(join(root, LOCK), { create: true })
    lock.run('PRAGMA journal_mode = DELETE')
    lock.run('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock?.close()
    if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw notUsable(root, error)
    const pid = readOwner(root)
    throw new StockpipeError('in-use', `${root} is in use by another stockpipe`, {
      why:
        pid === null
          ? 'a folder belongs to one process at a time'
          : `process ${pid} has it; a folder belongs to one process at a time`,
      hint: 'stop that process, or name another --data-dir',
      cause: error,
    })
  }
}

function readOwner(root: string): number | null {
  try {
    const { pid } = readJson(join(root, OWNER)) as { pid?: unknown }
    return typeof pid === 'number' ? pid : null
  } catch {
    return null
  }
}

/** All of it or nothing: a full disk must not leave half a marker that no later start can read. */
function writeWhole(path: string, content: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(content)}\n`)
  renameSync(`${path}.new`, path)
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

function notUsable(root: string, error: unknown): StockpipeError {
  if (error instanceof StockpipeError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const isFull = code === 'ENOSPC' || code === 'SQLITE_FULL'
  return new StockpipeError(isFull ? 'disk-full' : 'data-dir', `cannot use ${root} as data folder`, {
    cause: error,
    hint: isFull
      ? 'free some space on that disk'
      : 'check that the folder can be written by this user, or name another --data-dir',
  })
}
