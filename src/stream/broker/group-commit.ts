import { StockpipeError } from '../../errors.ts'

/** One call on its way into the file; `Transaction` is what it may use there. */
export interface Work<Transaction> {
  records: number
  bytes: number
  /** Runs inside the transaction. What it returns is called once that is durable. */
  perform(transaction: Transaction): () => void
  reject(error: unknown): void
}

export interface GroupCommitOptions<Transaction> {
  /** Makes all of the work durable in one transaction, or throws and none of it happened. */
  transact(work: (transaction: Transaction) => (() => void)[]): (() => void)[]
  /** Called after each transaction with the records it took. Must not throw. */
  committed(records: number): void
}

/** Bounds of one transaction, so that the event loop is not held up for long. A single larger call goes alone. */
const GROUP_RECORDS = 10_000
const GROUP_BYTES = 16_000_000

/**
 * Calls made in the same turn of the event loop, or while a transaction ran, share the next transaction and its
 * fsync, in order. The queue holds what callers await: awaiting is their backpressure.
 */
export class GroupCommit<Transaction> {
  readonly #options: GroupCommitOptions<Transaction>
  #queue: Work<Transaction>[] = []
  #isRunning = false
  #isClosed = false

  constructor(options: GroupCommitOptions<Transaction>) {
    this.#options = options
  }

  add(work: Work<Transaction>): void {
    if (this.#isClosed) return work.reject(new StockpipeError('internal', 'the log is closed'))
    this.#queue.push(work)
    if (!this.#isRunning) void this.#run()
  }

  /** Writes what waits, then takes no more. */
  close(): void {
    this.#isClosed = true
    while (this.#queue.length > 0) this.#commit()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    await nextTurn()
    while (this.#queue.length > 0) {
      this.#commit()
      await nextTurn()
    }
    this.#isRunning = false
  }

  #commit(): void {
    const group = this.#take()
    let done: (() => void)[]
    try {
      done = this.#options.transact((transaction) => group.map((work) => work.perform(transaction)))
    } catch (error) {
      return this.#fail(group, error)
    }
    for (const settle of done) settle()
    this.#options.committed(group.reduce((sum, { records }) => sum + records, 0))
  }

  /** What waits behind a failed call fails with it: were it written now, a second try would come after it. */
  #fail(group: readonly Work<Transaction>[], error: unknown): void {
    const behind = this.#queue
    this.#queue = []
    for (const work of [...group, ...behind]) work.reject(error)
  }

  #take(): Work<Transaction>[] {
    let records = 0
    let bytes = 0
    const end = this.#queue.findIndex((work) => {
      records += work.records
      bytes += work.bytes
      return records > GROUP_RECORDS || bytes > GROUP_BYTES
    })
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(1, end))
  }
}

/** Lets whatever else is ready run first. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
