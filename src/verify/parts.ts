import { StockpipeError } from '../errors.ts'
import type { Bounds, Commit } from '../stream/broker.ts'
import type { Work } from './options.ts'
import type { Patience } from './patience.ts'
import type { Rules } from './rules.ts'

/** A partition of the log: `[start, end)` is what is judged, for what was committed is stored. */
export interface Part extends Bounds {
  partition: number
  /** The processor wrote no window that starts before, for the log had lost its beginning then, ms; else -Infinity. */
  from: number
  /** There are records behind `end`. */
  hasMore: boolean
}

/**
 * Waits until what is in the log now is committed as processed, and takes as much as is then. Throws `not-found` where
 * there is no such topic, and `config` where it was processed by other settings.
 */
export async function partitionsOf(
  work: Pick<Work, 'broker' | 'topic' | 'committed' | 'rules' | 'progress' | 'findings'>,
  patience: Patience,
): Promise<Part[]> {
  const wanted = (await work.broker.bounds(work.topic)).map(({ end }) => end)
  if (wanted.length === 0)
    throw new StockpipeError('not-found', `the log has no topic ${work.topic}`, {
      hint: 'run the pipeline first, or name another --kafka-topic',
    })
  for (;;) {
    // In this order: what is committed beyond the end is of another log.
    const commits = await work.committed()
    const parts = (await work.broker.bounds(work.topic)).map((bounds, partition) =>
      partOf(bounds, partition, committedIn(commits[partition] ?? null, work.rules)),
    )
    const waiting = parts.reduce((sum, { partition, end }) => sum + Math.max(0, (wanted[partition] ?? 0) - end), 0)
    work.progress({ records: 0, doing: `waiting for ${waiting.toLocaleString('en')} records to be processed` })
    if (waiting > 0 && (await patience.again())) continue
    work.findings.unprocessed = waiting
    return parts
  }
}

function partOf({ start, end }: Bounds, partition: number, { next, from }: Committed): Part {
  const known = next > end ? start : Math.max(start, next)
  return { partition, start, end: known, from, hasMore: known < end }
}

interface Committed {
  /** The first offset that the commit does not cover. */
  next: number
  from: number
}

type Settings = Pick<Rules, 'window' | 'hop' | 'delay' | 'futureLimit'>

/** Throws `config` where it was made by other settings. */
function committedIn(commit: Commit | null, rules: Settings): Committed {
  const { processed, fingerprint, from } = metadataOf(commit)
  const none = Number.NEGATIVE_INFINITY
  if (typeof processed !== 'number' || typeof fingerprint !== 'string') return { next: 0, from: none }
  const found = fingerprint.split('/').slice(0, 4).map(Number)
  const { window, hop, delay, futureLimit } = rules
  const wanted = [window, hop, delay, futureLimit]
  if (wanted.every((value, at) => value === found[at]))
    return { next: processed + 1, from: typeof from === 'number' ? from : none }
  const words = (values: readonly number[]) =>
    ['window', 'hop', 'delay', 'future-limit'].map((name, at) => `--${name} ${values[at]}ms`).join(' ')
  throw new StockpipeError('config', 'the windows were made by other settings', {
    why: `they were made by ${words(found)}, and these are ${words(wanted)}`,
    hint: `add ${words(found)}`,
  })
}

function metadataOf(commit: Commit | null): { processed?: unknown; fingerprint?: unknown; from?: unknown } {
  try {
    const data: unknown = JSON.parse(commit?.metadata ?? '')
    return typeof data === 'object' && data !== null ? data : {}
  } catch {
    return {}
  }
}

/** Whether the log of a partition went on meanwhile. */
export async function isGrowing(work: Pick<Work, 'broker' | 'topic'>, part: Part): Promise<boolean> {
  if (part.hasMore) return true
  const now = (await work.broker.bounds(work.topic))[part.partition]
  return now !== undefined && now.end > part.end
}
