import type { DecodedRecords } from './record-batch.ts'
import type { Batch, LogRecord } from '../../broker.ts'
import type { Trouble } from '../../trouble.ts'

/** Batches that may wait for their reader. Two: one to work on, one that comes meanwhile. */
const WAITING = 2
const BATCH_BYTES = 1024 * 1024

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

  /** `stableEnd`: the partition's end, for readers of committed records. */
  deliver({ records, endOffset }: DecodedRecords, { stableEnd, ...times }: Times & { stableEnd: number }): void {
    if (endOffset !== null) this.offset = Math.max(this.offset, endOffset)
    const last = records.at(-1)
    if (last !== undefined) this.#visibleEnd = last.offset + 1
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
