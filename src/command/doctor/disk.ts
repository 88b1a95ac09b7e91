import { constants } from 'node:fs'
import { access, readdir, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

import type { Settings } from '../../config.ts'
import { existingOrigins, ownerOf } from '../../data-dir.ts'
import { fail, ok, reason, warn, type Finding } from '../../finding.ts'

const LITTLE = 1e9
const TOO_LITTLE = 1e8

/** Free space where the data is, or would be. */
export async function checkSpace(dataDir: string): Promise<Finding> {
  const folder = await existing(resolve(dataDir))
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const words = `${(free / 1e9).toFixed(1)} GB free at ${folder}`
  const fix = 'free some space, choose another --data-dir, or lower --retention-log-size'
  if (free < TOO_LITTLE) return fail('disk', `only ${words}`, fix)
  return free < LITTLE ? warn('disk', words, fix) : ok('disk', words)
}

/** The nearest folder above (or the path itself) that is there. */
async function existing(path: string): Promise<string> {
  try {
    await stat(path)
    return path
  } catch {
    return dirname(path) === path ? path : existing(dirname(path))
  }
}

/** Whether the data folder can be used, what is in it, and who has it. */
export async function checkDataDir({ dataDir }: Settings): Promise<Finding> {
  const path = resolve(dataDir)
  const there = await existing(path)
  const another = 'choose another --data-dir, or change its owner'
  try {
    if (!(await stat(there)).isDirectory()) return fail('data', `${there} is not a folder`, another)
    await access(there, constants.W_OK | constants.X_OK)
    if (there !== path) return ok('data', `${path} will be created`)
    if ((await readdir(path)).length === 0) return ok('data', `${path} is empty`)
    return judgeContent(path)
  } catch (error) {
    return fail('data', `cannot write in ${there}: ${reason(error)}`, another)
  }
}

function judgeContent(path: string): Finding {
  try {
    const origins = existingOrigins(path)
    const owner = ownerOf(path)
    const words = `${path} holds ${origins.length > 0 ? origins.join(' and ') : 'no'} data`
    if (owner === null) return ok('data', words)
    const who = owner.pid === null ? 'another process' : `process ${owner.pid}`
    return warn('data', `${words} and belongs to ${who}`, 'nothing, if that is the pipeline that should run here')
  } catch (error) {
    return fail('data', reason(error), 'name an empty or a new folder by --data-dir')
  }
}

export async function checkReplayFile({ feed, replayFile }: Settings): Promise<Finding[]> {
  if (feed !== 'replay' || replayFile === null || replayFile === '-') return []
  try {
    await access(replayFile, constants.R_OK)
    return [ok('replay', `${replayFile} can be read`)]
  } catch (error) {
    return [fail('replay', reason(error), 'correct --replay-file')]
  }
}
