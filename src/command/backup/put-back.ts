import { copyFileSync, existsSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { type DataDir, openDataDir, STAMP } from '../../data-dir.ts'
import { StockpipeError } from '../../errors.ts'
import { damageOf } from '../../stream/sqlite.ts'
import { isMount, makeWhole, syncFile } from '../../whole-files.ts'
import { describeFile, FILES, type Manifest, readManifest } from './manifest.ts'

export interface PutBack extends Manifest {
  /** Where it is now. */
  folder: string
}

/**
 * Copies a backup into the data folder. Throws `in-use` while a pipeline runs there, `data-dir` where data of that origin is
 * there already or a disk is mounted, `corrupt` for a backup that is not as it was taken; then nothing was changed.
 */
export async function putBack(settings: Settings, from: string): Promise<PutBack> {
  const source = resolve(from)
  const manifest = readManifest(source)
  const { origin } = manifest
  if (settings.origin !== null && settings.origin !== origin)
    throw new StockpipeError('origin', `there is no ${settings.origin} data in ${source}`, {
      why: `it is a backup of ${origin} data`,
      hint: `say --origin ${origin}, or leave it out`,
    })
  using data = openDataDir({ path: settings.dataDir, origin, clock: systemClock, allowMixed: settings.allowMixed })
  refuseFilled(data.path)
  // May be a link to a larger disk, and stays one.
  const to = realpathSync(data.path)
  if (isMount(to)) throw mounted(data)
  await makeWhole(to, async (folder) => {
    for (const name of FILES) if (name in manifest.files) await putFile(manifest, { name, source, folder })
    rmSync(join(data.path, STAMP))
  })
  return { ...manifest, folder: data.path }
}

function refuseFilled(folder: string): void {
  const found = readdirSync(folder).filter((name) => name !== STAMP)
  if (found.length === 0) return
  throw new StockpipeError('data-dir', `${folder} holds data already`, {
    why: `it has ${found.slice(0, 3).join(', ')}${found.length > 3 ? ' and more' : ''}; a restore never writes over anything`,
    hint: 'move that folder away, or name another --data-dir',
  })
}

const mounted = ({ path, root }: DataDir): StockpipeError =>
  new StockpipeError('data-dir', `a disk is mounted at ${path}`, {
    why: 'what is restored is made beside its place, on the same disk, and takes its name when it is whole',
    hint: `mount that disk at ${root}, or make ${path} a link to a folder in it`,
  })

/** What arrives is what is checked. */
async function putFile(manifest: Manifest, { name, source, folder }: { name: string; source: string; folder: string }) {
  const path = join(source, manifest.origin, name)
  const damaged = (why: string) =>
    new StockpipeError('corrupt', `${path} is not as it was taken`, { why, hint: 'restore another backup' })
  if (!existsSync(path)) throw damaged('it is missing')
  const copy = join(folder, name)
  copyFileSync(path, copy)
  syncFile(copy)
  const wanted = manifest.files[name]
  const { bytes, sha256 } = await describeFile(copy)
  if (bytes !== wanted?.bytes) throw damaged(`it has ${bytes} bytes, the backup had ${wanted?.bytes}`)
  if (sha256 !== wanted.sha256) throw damaged('its content has changed')
  const damage = name.endsWith('.db') ? damageOf(copy) : null
  if (damage !== null) throw damaged(damage)
}
