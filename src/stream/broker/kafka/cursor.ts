import { filterAbortedMessages } from './internals.ts'

import type { FetchedMessage, FetchedPartition } from './protocol.ts'
import type { Batch, Headers, LogRecord } from '../../broker.ts'
import type { Trouble } from '../../trouble.ts'

/** Batches that may wait for their reader. Two: one to work on, one that comes meanwhile. */
const WAITING = 2
const BATCH_BYTES = 1024 * 1024

/** One reader's place in one partition, and what was fetched for it. */
export class Cursor {
  readonly partition: number
  /** The next offset to fetch. */
  offset: number
  isFetching = false
  /** After a failure, for a while. */
  isResting = false
  /** In a row. */
  failures = 0
  /** Told while only this partition cannot be read. */
  readonly trouble: Trouble
  readonly #ready: Batch[] = []
  readonly #hungry: () => void
  #wake: (() => void) | null = null
  #failure: unknown = null
  #isClosed = false
  /** The offset after the last record that readers see: behind it there may be marks of transactions. */
  #visibleEnd: number

  constructor(
    { partition, offset }: { partition: number; offset: number },
    { hungry, trouble }: { hungry: () => void; trouble: Trouble },
  ) {
    this.partition = partition
    this.offset = offset
    this.trouble = trouble
    this.#visibleEnd = offset
    this.#hungry = hungry
  }

  get isHungry(): boolean {
    if (this.#isClosed || this.#failure !== null) return false
    return !this.isFetching && !this.isResting && this.#ready.length < WAITING
  }

  deliver(part: FetchedPartition, times: { startedAt: number; endedAt: number }): void {
    const stableEnd = Number(part.lastStableOffset ?? part.highWatermark)
    const seen = part.messages.filter(({ offset }) => Number(offset) >= this.offset)
    // Third-party producers may use transactions: what they took back is not read.
    const visible = filterAbortedMessages({ messages: seen, abortedTransactions: part.abortedTransactions })
    const records = visible.filter(({ isControlRecord }) => !isControlRecord).map(toRecord)
    const last = seen.at(-1)
    this.offset = Math.max(this.offset, part.messages.endOffset ?? Number(last?.offset ?? -1) + 1)
    const lastRecord = records.at(-1)
    if (lastRecord !== undefined) this.#visibleEnd = lastRecord.offset + 1
    const isAtEnd = this.offset >= stableEnd
    // An empty batch is news only to a reader that has nothing else to do.
    if (records.length === 0 && (!isAtEnd || this.#ready.length > 0)) return
    const end = isAtEnd ? this.#visibleEnd : stableEnd
    for (const piece of pieces(records)) this.#ready.push({ records: piece, end, ...times })
    this.#wake?.()
  }

  /** The next batch; null once closed. Throws what the cursor failed with. */
  async next(): Promise<Batch | null> {
    for (;;) {
      if (this.#isClosed) return null
      const batch = this.#ready.shift()
      if (batch !== undefined) {
        this.#hungry()
        return batch
      }
      if (this.#failure !== null) throw this.#failure
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
      this.#wake = null
    }
  }

  fail(failure: unknown): void {
    this.#failure = failure
    this.#wake?.()
  }

  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }
}

/** What was compressed well may be large. */
function pieces(records: readonly LogRecord[]): readonly (readonly LogRecord[])[] {
  const all: LogRecord[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    const size = record.value?.length ?? 0
    if (bytes + size > BATCH_BYTES) {
      all.push([])
      bytes = 0
    }
    all.at(-1)?.push(record)
    bytes += size
  }
  return all.length === 0 ? [[]] : all
}

function toRecord({ offset, timestamp, key, value, headers }: FetchedMessage): LogRecord {
  return {
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: key === null ? null : key.toString(),
    // A slice of the whole answer: readers decode it at once and keep nothing of it.
    value,
    headers: textOf(headers),
  }
}

function textOf(headers: FetchedMessage['headers']): Headers {
  const texts: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    const first = Array.isArray(value) ? value[0] : value
    if (first !== null && first !== undefined) texts[name] = first.toString()
  }
  return texts
}
