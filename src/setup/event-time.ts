import type { Bounds, Broker, LogRecord } from '../stream/broker.ts'
import { decodeRecord } from '../stream/codec.ts'

/** Records of a partition's end that are looked at. */
const TAIL = 1_000

/**
 * A time (unix ms) for a trade that moves no watermark and is late for no window: that of the newest trade of its
 * partition, or of its seal. Where the partition has neither, the time of the partition that is furthest behind; null
 * where none has.
 */
export async function harmlessTime(broker: Broker, topic: string, partition: number): Promise<number | null> {
  const bounds = await broker.bounds(topic)
  const own = await newestTime(broker, topic, { partition, bounds: bounds[partition] })
  if (own !== null) return own
  const others = await Promise.all(bounds.map((bounds, partition) => newestTime(broker, topic, { partition, bounds })))
  const times = others.filter((time) => time !== null)
  return times.length === 0 ? null : Math.min(...times)
}

async function newestTime(
  broker: Broker,
  topic: string,
  { partition, bounds }: { partition: number; bounds: Bounds | undefined },
): Promise<number | null> {
  const { start, end } = bounds ?? { start: 0, end: 0 }
  if (start >= end) return null
  const done = new AbortController()
  let newest: number | null = null
  for await (const { records } of broker.read(topic, partition, Math.max(start, end - TAIL), done.signal)) {
    for (const record of records) newest = Math.max(newest ?? 0, timeOf(record)) || null
    if (records.length === 0 || (records.at(-1)?.offset ?? end) + 1 >= end) break
  }
  return newest
}

/** The newest time that moves the watermark; 0 for none. A trade from the future does not. */
function timeOf(record: LogRecord): number {
  try {
    const { entries, repeats, watermark, received, skew } = decodeRecord(record)
    const limit = (received ?? record.timestamp) + skew
    const marked = new Set(repeats)
    const times = entries.filter(({ t }, index) => t <= limit && !marked.has(index)).map(({ t }) => t)
    return Math.max(watermark ?? 0, ...times)
  } catch {
    return 0
  }
}
