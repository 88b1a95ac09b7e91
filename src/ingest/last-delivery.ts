import type { Broker, LogRecord } from '../stream/broker.ts'
import { decodeRecord } from '../stream/codec.ts'

/** The newest frame of a log. */
export interface LastDelivery {
  /** When it was received (unix ms), or up to when a gap behind it is known. */
  received: number
  /** Null where only a gap is found. */
  session: string | null
}

/** Behind the last trades of a partition there may be seals and gaps. */
const TAILS = [50, 1_000]

/** What the producer before this one saw last; null where the log tells of none. */
export async function lastDelivery(broker: Broker, topic: string): Promise<LastDelivery | null> {
  const bounds = await broker.bounds(topic)
  const found = await Promise.all(bounds.map((bound, partition) => lastOf(broker, topic, { ...bound, partition })))
  return found.reduce(later, null)
}

interface Range {
  partition: number
  start: number
  end: number
}

async function lastOf(broker: Broker, topic: string, { partition, start, end }: Range): Promise<LastDelivery | null> {
  for (const size of TAILS) {
    const from = Math.max(start, end - size)
    const records = from < end ? await read(broker, topic, { partition, start: from, end }) : []
    const last = records.map(deliveryOf).reduce(later, null)
    if (last !== null || from === start) return last
  }
  return null
}

async function read(broker: Broker, topic: string, { partition, start, end }: Range): Promise<LogRecord[]> {
  const found: LogRecord[] = []
  const done = new AbortController()
  for await (const { records } of broker.read(topic, partition, start, done.signal)) {
    found.push(...records)
    if (records.length === 0 || (records.at(-1)?.offset ?? end) + 1 >= end) break
  }
  return found
}

/** A record of another program, or one that cannot be read, tells nothing. */
export function deliveryOf(record: LogRecord): LastDelivery | null {
  const received = record.headers['received']
  const session = record.headers['session'] ?? null
  if (received !== undefined) return session === null ? null : { received: Number(received), session }
  if (record.headers['gap'] === undefined) return null
  try {
    const { gap } = decodeRecord(record)
    return gap === null || gap.cause === 'retention' ? null : { received: gap.to, session: null }
  } catch {
    return null
  }
}

/** The later one; its session is that of the latest frame. */
function later(a: LastDelivery | null, b: LastDelivery | null): LastDelivery | null {
  if (a === null || b === null) return a ?? b
  const [newer, older] = a.received > b.received ? [a, b] : [b, a]
  return { received: newer.received, session: newer.session ?? older.session }
}
