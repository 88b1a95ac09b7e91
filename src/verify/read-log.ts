import { StockpipeError } from '../errors.ts'
import type { Bounds, Broker, LogRecord } from '../stream/broker.ts'

export interface LogPart extends Bounds {
  broker: Pick<Broker, 'read' | 'bounds'>
  topic: string
  partition: number
  signal: AbortSignal
}

/** A log that yields nothing so often before its end has a hole there. */
const MOST_EMPTY = 5

/** The records of `[start, end)`, many at once. Throws `log-changed` where retention removes some before they are read. */
export async function* recordsOf(part: LogPart): AsyncGenerator<readonly LogRecord[], void> {
  const { broker, topic, partition, start, end, signal } = part
  let next = start
  let empty = 0
  if (start >= end) return
  for await (const batch of broker.read(topic, partition, start, signal)) {
    const records = batch.records.filter(({ offset }) => offset < end)
    for (const { offset } of records) {
      if (offset > next) await checkRetention(part, next)
      next = offset + 1
    }
    if (records.length > 0) yield records
    if (next >= end || batch.records.length > records.length || next >= batch.end) return
    empty = batch.records.length > 0 ? 0 : empty + 1
    if (empty < MOST_EMPTY) continue
    await checkRetention(part, next)
    return
  }
}

/** Offsets may have holes of their own; a hole that retention made is another matter. */
async function checkRetention({ broker, topic, partition }: LogPart, next: number): Promise<void> {
  const start = (await broker.bounds(topic))[partition]?.start ?? 0
  if (start <= next) return
  throw new StockpipeError('log-changed', `retention removed records of ${topic} while they were read`, {
    why: `partition ${partition} now begins at offset ${start}`,
    hint: 'run it again',
  })
}
