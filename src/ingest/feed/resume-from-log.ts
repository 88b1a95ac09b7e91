import { type Past, type Reached, Resume } from './resume.ts'
import type { Bounds, Broker, LogRecord } from '../../stream/broker.ts'
import { partitionOf } from '../../stream/broker/partitioner.ts'
import { decodeRecord } from '../../stream/codec.ts'
import type { Entry } from '../../trade.ts'

export interface ResumeSource {
  broker: Broker
  topic: string
  symbols: readonly string[]
  /** Unix ms. */
  now: number
  past: Past
}

interface Range {
  partition: number
  start: number
  end: number
}

/** How many records are read first; more, as long as a symbol is missing. */
const TAIL_RECORDS = 200
/** A gap or two may stand before the first trades. */
const HEAD_RECORDS = 20

/** Goes on behind the newest trade of each symbol in the log. */
export async function resumeFromLog(source: ResumeSource): Promise<Resume> {
  const { broker, topic, symbols, past } = source
  const bounds = await broker.bounds(topic)
  const found = await Promise.all(
    bounds.map(({ start, end }, partition) => newestOf(source, { partition, start, end }, bounds.length)),
  )
  const reached = new Map(found.flatMap((newest) => [...newest]))
  // Only those that are missing need to know.
  const isComplete = symbols.every((symbol) => reached.has(symbol))
  return new Resume(symbols, past, { reached, oldest: isComplete ? null : await oldestOf(source, bounds) })
}

async function newestOf(source: ResumeSource, range: Range, partitions: number): Promise<Map<string, Reached>> {
  const wanted = source.symbols.filter((symbol) => partitionOf(symbol, partitions) === range.partition)
  for (let size = TAIL_RECORDS; ; size *= 4) {
    const start = Math.max(range.start, range.end - size)
    const records = await recordsOf(source, { ...range, start })
    const entries = records.flatMap(tradesIn)
    const newest = reachedBy(entries)
    // No record has trades of a time after it was appended.
    const isPast = (records[0]?.timestamp ?? Infinity) < source.now - source.past.again
    if (start === range.start || isPast || isEnough(entries, wanted, newest)) return newest
  }
}

/** Every symbol wanted is there with all trades of its newest millisecond. */
function isEnough(entries: readonly Entry[], wanted: readonly string[], newest: ReadonlyMap<string, Reached>): boolean {
  const oldest = new Map(entries.toReversed().map(({ s, t }) => [s, t]))
  return wanted.every((symbol) => (oldest.get(symbol) ?? Infinity) < (newest.get(symbol)?.t ?? 0))
}

function reachedBy(entries: readonly Entry[]): Map<string, Reached> {
  const newest = new Map<string, Reached>()
  for (const { s, t } of entries) {
    const reached = newest.get(s)
    if (reached === undefined || t > reached.t) newest.set(s, { t, count: 1 })
    else if (t === reached.t) reached.count++
  }
  return newest
}

async function oldestOf(source: ResumeSource, bounds: readonly Bounds[]): Promise<number | null> {
  const heads = await Promise.all(
    bounds.map(({ start, end }, partition) =>
      recordsOf(source, { partition, start, end: Math.min(end, start + HEAD_RECORDS) }),
    ),
  )
  const entries = heads.flat().flatMap(tradesIn)
  return entries.reduce<number | null>((oldest, { t }) => (oldest === null || t < oldest ? t : oldest), null)
}

async function recordsOf({ broker, topic }: ResumeSource, { partition, start, end }: Range): Promise<LogRecord[]> {
  const found: LogRecord[] = []
  if (start >= end) return found
  for await (const { records } of broker.read(topic, partition, start, new AbortController().signal)) {
    found.push(...records)
    if (records.length === 0 || (records.at(-1)?.offset ?? end) + 1 >= end) break
  }
  return found
}

/** Deliveries marked as repeats are no trades; a record that cannot be read tells nothing. */
function tradesIn(record: LogRecord): Entry[] {
  try {
    const { entries, repeats } = decodeRecord(record)
    return entries.filter((_, index) => repeats?.includes(index) !== true)
  } catch {
    return []
  }
}
