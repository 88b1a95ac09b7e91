import type { Batch } from './broker.ts'
import type { Clock } from '../clock.ts'

/** Open rows are written at most this often; at the end of the log at once, so that the last price is never held back. */
export class FlushTimer {
  readonly #everyMs: number
  readonly #clock: Clock
  #last = 0

  constructor(everyMs: number, clock: Clock) {
    this.#everyMs = everyMs
    this.#clock = clock
  }

  isDue(batch: Batch): boolean {
    const now = this.#clock.now()
    if (now - this.#last < this.#everyMs && batch.records.length > 0) return false
    this.#last = now
    return true
  }
}
