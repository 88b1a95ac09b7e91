import { StockpipeError } from '../errors.ts'
import type { Bounds } from '../stream/broker.ts'
import type { Work } from './options.ts'

/** A partition of the log: `[start, end)` is what is judged. */
export interface Part extends Bounds {
  partition: number
  /** There are records behind `end` that were not processed when this began. */
  hasMore: boolean
}

/** Takes the ends of the log. Throws `not-found` where there is no such topic. */
export async function partitionsOf(work: Pick<Work, 'broker' | 'topic' | 'processed' | 'findings'>): Promise<Part[]> {
  const { broker, topic, processed, findings } = work
  const bounds = await broker.bounds(topic)
  if (bounds.length === 0)
    throw new StockpipeError('not-found', `the log has no topic ${topic}`, {
      hint: 'run the pipeline first, or name another --kafka-topic',
    })
  const parts = bounds.map(({ start, end }, partition) => {
    const known = processed === null ? end : Math.max(start, Math.min(end, processed[partition] ?? start))
    return { partition, start, end: known, hasMore: known < end, waiting: end - known }
  })
  const waiting = parts.reduce((sum, part) => sum + part.waiting, 0)
  if (waiting > 0)
    findings.notes.push(
      `the pipeline is stopped: the last ${waiting.toLocaleString('en')} records were not processed yet, and were left out`,
    )
  return parts
}

/** Whether the log of a partition went on meanwhile. */
export async function isGrowing(work: Pick<Work, 'broker' | 'topic'>, part: Part): Promise<boolean> {
  if (part.hasMore) return true
  const now = (await work.broker.bounds(work.topic))[part.partition]
  return now !== undefined && now.end > part.end
}
