import type { Appended, NewRecord } from '../../broker.ts'
import type { StockpipeError } from '../../../errors.ts'

/** Kafka's limit for a batch is 1 MiB by default, counted after compression. */
const BATCH_BYTES = 512 * 1024
const BATCH_RECORDS = 2_000

/** Kafka counts a producer's records in 31 bits, and begins again at 0. */
const SEQUENCES = 2 ** 31

/** One call of `append` on its way. */
export interface Call {
  results: Appended[]
  left: number
  /** Those that its records go by. */
  lanes: Set<Lane>
  acked: PromiseWithResolvers<readonly Appended[]>
}

export interface Item {
  call: Call
  /** Its place in the call. */
  at: number
  record: NewRecord
  bytes: number
}

/** Numbers given by Kafka under which the sequences of a producer count. */
export interface Identity {
  producerId: bigint
  producerEpoch: number
}

/** What goes to one partition in one request. It keeps its sequence numbers until it is known to be in the log. */
export interface Batch {
  lane: Lane
  firstSequence: number
  items: Item[]
}

/** The way to one partition: what waits, and the one batch that is under way. */
export class Lane {
  readonly partition: number
  identity: Identity
  /** Why the batch is still not in the log, as far as known. */
  failure: StockpipeError | null = null
  retries = 0
  /** A request is under way, or the next one is not due yet. */
  isBusy = false
  readonly #queue: Item[] = []
  #sequence = 0
  #batch: Batch | null = null

  constructor(partition: number, identity: Identity) {
    this.partition = partition
    this.identity = identity
  }

  push(item: Item): void {
    this.#queue.push(item)
  }

  /** The batch to send: the one that is not acknowledged yet, exactly as it was, else the next. */
  get batch(): Batch | null {
    this.#batch ??= this.#next()
    return this.#batch
  }

  acknowledged(batch: Batch): void {
    this.#sequence = (batch.firstSequence + batch.items.length) % SEQUENCES
    this.#batch = null
    this.failure = null
    this.retries = 0
  }

  /** Halves a batch that Kafka refused as too large. False for a single record. */
  halve(batch: Batch): boolean {
    if (batch.items.length < 2) return false
    this.#queue.unshift(...batch.items.splice(Math.ceil(batch.items.length / 2)))
    return true
  }

  beginAnew(identity: Identity): void {
    this.identity = identity
    this.#sequence = 0
    if (this.#batch !== null) this.#batch.firstSequence = 0
  }

  #next(): Batch | null {
    let bytes = 0
    let count = 0
    for (const item of this.#queue) {
      if (count > 0 && (bytes + item.bytes > BATCH_BYTES || count >= BATCH_RECORDS)) break
      bytes += item.bytes
      count++
    }
    if (count === 0) return null
    return { lane: this, firstSequence: this.#sequence, items: this.#queue.splice(0, count) }
  }
}
