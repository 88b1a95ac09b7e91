import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { ORIGINS, type Origin, STAMP } from '../../data-dir.ts'
import { StockpipeError } from '../../errors.ts'

/** What a backup says of itself. */
export interface Manifest {
  format: number
  /** Of the stockpipe that took it. */
  version: string
  origin: Origin
  /** When its log was copied, RFC 3339. */
  at: string
  /** By name, in the folder of the origin. */
  files: Readonly<Record<string, { bytes: number; sha256: string }>>
}

export const MANIFEST = 'backup.json'
export const FORMAT = 1
/** Without these there is nothing to go on from. */
const DATABASES = ['store.db', 'log.db'] as const
/** How far recordings were replayed, and whose data it is. */
export const NOTES = ['replays.json', STAMP] as const
/** All that may be in a backup. A spool is not: what waits there is of a topic of Kafka, which knows what of it was sent. */
export const FILES = [...DATABASES, ...NOTES] as const

/** Throws `not-found` where there is no backup, `corrupt` and `data-dir` where nobody can rely on what its manifest says. */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST)
  if (!existsSync(path))
    throw new StockpipeError('not-found', `there is no backup in ${folder}`, {
      why: `it has no ${MANIFEST}, which is written last`,
      hint: 'name a folder that `stockpipe backup` made',
    })
  const found = parsed(path)
  if (found === null)
    throw new StockpipeError('corrupt', `${path} is damaged`, {
      hint: 'take another backup: this one cannot be checked',
    })
  if (found.format !== FORMAT)
    throw new StockpipeError('data-dir', `${folder} was taken by another version of stockpipe`, {
      why: `its format is ${String(found.format)}, this version knows ${FORMAT}`,
      hint: `use version ${found.version}`,
    })
  return found
}

function parsed(path: string): Manifest | null {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as Manifest
    const isWhole = ORIGINS.includes(found.origin) && DATABASES.every((name) => found.files[name] !== undefined)
    return isWhole || found.format !== FORMAT ? found : null
  } catch {
    return null
  }
}

/** Size and content, for the manifest. */
export async function describeFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = new Bun.CryptoHasher('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk as Uint8Array)
  return { bytes: statSync(path).size, sha256: hash.digest('hex') }
}

/** For people. */
export function describe({ origin, at, version, files }: Manifest): string {
  const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0)
  return `${origin} data as of ${at}, ${(bytes / 1e6).toFixed(1)} MB, by stockpipe ${version}`
}
