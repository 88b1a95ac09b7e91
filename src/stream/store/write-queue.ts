import type { Rows } from '../store.ts'
import type { Inserter } from './insert.ts'

/** Rows of one transaction, give or take a batch: more would hold up everything else in the process. */
const TRANSACTION_ROWS = 20_000

/** A call on its way into the file; the next row is `rows[steps[step].part][index]`. */
interface PendingWrite {
  rows: Rows
  step: number
  index: number
  resolve: () => void
  reject: (error: unknown) => void
}

/** Group commit: calls that wait at the same time share a transaction, a large one takes several. */
export class WriteQueue {
  readonly #inserter: Inserter
  readonly #transact: (work: () => void) => void
  #pending: PendingWrite[] = []
  #isScheduled = false

  /** `transact` commits durably, or rolls back and throws. */
  constructor(inserter: Inserter, transact: (work: () => void) => void) {
    this.#inserter = inserter
    this.#transact = transact
  }

  /** Resolves after the commit that holds the last row. When it throws, some of the rows may be in the file. */
  write(rows: Rows): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ rows, step: 0, index: 0, resolve, reject })
      this.#schedule()
    })
  }

  /** Commits everything that waits, now. */
  flush(): void {
    while (this.#pending.length > 0) this.#commit()
  }

  /** Whatever is ready to run goes first, so that its writes join the transaction. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (this.#pending.length > 0) this.#commit()
      if (this.#pending.length > 0) this.#schedule()
    })
  }

  /** Every call with rows in a transaction that fails is told so, and what is left of it is dropped. */
  #commit(): void {
    let started = 0
    let finished = 0
    try {
      this.#transact(() => {
        for (let budget = TRANSACTION_ROWS; budget > 0 && started < this.#pending.length;) {
          const write = this.#pending[started++] as PendingWrite
          budget -= this.#drain(write, budget)
          if (write.step === this.#inserter.steps.length) finished = started
        }
      })
    } catch (error) {
      // A transaction that could not even begin took no call; one must go, or it would be tried for ever.
      for (const write of this.#pending.splice(0, Math.max(started, 1))) write.reject(error)
      return
    }
    for (const write of this.#pending.splice(0, finished)) write.resolve()
  }

  /** Writes about `budget` rows and remembers where it stopped. Returns how many it wrote. */
  #drain(write: PendingWrite, budget: number): number {
    let spent = 0
    for (const { steps } = this.#inserter; write.step < steps.length; write.step++, write.index = 0) {
      const { part, insert } = steps[write.step] as (typeof steps)[number]
      while (write.index < write.rows[part].length) {
        if (spent >= budget) return spent
        spent += insert(write.rows, write.index++)
      }
    }
    return spent
  }
}
