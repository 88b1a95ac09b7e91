import type { DecodedRecords } from './record-batch.ts'
import type { Batch, LogRecord } from '../../broker.ts'
import type { Trouble } from '../../trouble.ts'

/** Bytes of values that may wait for the reader while it works, and that it gets at once. */
const WAITING_BYTES = 512 * 1024
const BATCH_BYTES = 1024 * 1024
/** How long nothing must have come before that is worth a batch. */
const EMPTY_MS = 100

/** When a fetch began and ended. */
export interface Times {
  startedAt: number
  endedAt: number
}

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
  #ready: Batch[] = []
  #readyBytes = 0
  /** When the first of the empty fetches began that were not told yet. */
  #emptySince: number | null = null
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
    return !this.isFetching && !this.isResting && this.#readyBytes < WAITING_BYTES
  }

  /** To the log's beginning, where that lies behind the next offset to fetch. */
  moveTo(offset: number): void {
    this.offset = offset
    this.#visibleEnd = offset
  }

  /** `stableEnd`: the partition's end, for readers of committed records. */
  deliver({ records, endOffset }: DecodedRecords, { stableEnd, ...times }: Times & { stableEnd: number }): void {
    if (endOffset !== null) this.offset = Math.max(this.offset, endOffset)
    const last = records.at(-1)
    if (last !== undefined) this.#visibleEnd = last.offset + 1
    const isAtEnd = this.offset >= stableEnd
    const end = isAtEnd ? this.#visibleEnd : stableEnd
    if (records.length === 0) return isAtEnd ? this.#deliverNothing(end, times) : undefined
    this.#emptySince = null
    this.#ready.push({ records, end, ...times })
    this.#readyBytes += sizeOf(records)
    this.#wake?.()
  }

  /** News only after a while, and only to a reader that has nothing else to do: fetches end whenever another partition has records. */
  #deliverNothing(end: number, { startedAt, endedAt }: Times): void {
    this.#emptySince ??= startedAt
    if (endedAt - this.#emptySince < EMPTY_MS || this.#ready.length > 0) return
    this.#ready.push({ records: [], end, startedAt: this.#emptySince, endedAt })
    this.#emptySince = null
    this.#wake?.()
  }

  /** What has come since the last call, as one batch; null once closed. Throws what the cursor failed with. */
  async next(): Promise<Batch | null> {
    for (;;) {
      if (this.#isClosed) return null
      const batch = this.#take()
      if (batch !== null) {
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

  /** Many small fetches while the reader worked are one batch; what was compressed well is several. */
  #take(): Batch | null {
    const [first] = this.#ready
    const last = this.#ready.at(-1)
    if (first === undefined || last === undefined) return null
    const all = this.#ready.length === 1 ? first.records : this.#ready.flatMap(({ records }) => records)
    const records = firstOf(all)
    const isAll = records.length === all.length
    this.#ready = isAll ? [] : [{ ...last, records: all.slice(records.length) }]
    this.#readyBytes = isAll ? 0 : this.#readyBytes - sizeOf(records)
    return { records, end: last.end, startedAt: first.startedAt, endedAt: last.endedAt }
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

/** The first records, as many as fit a batch; at least one. */
function firstOf(records: readonly LogRecord[]): readonly LogRecord[] {
  let bytes = 0
  const end = records.findIndex(({ value }) => (bytes += value?.length ?? 0) > BATCH_BYTES)
  return end < 0 ? records : records.slice(0, Math.max(1, end))
}

const sizeOf = (records: readonly LogRecord[]): number =>
  records.reduce((bytes, { value }) => bytes + (value?.length ?? 0), 0)
