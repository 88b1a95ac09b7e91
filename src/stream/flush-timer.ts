import type { Batch } from './broker.ts'
import type { Clock } from '../clock.ts'
import type { Flush } from './window.ts'

/** What is longer moves less from one moment to the next: its open rows are written less often, by these factors. */
const MINUTES_FACTOR = 3
const LONG_FACTOR = 10

/** Open rows are written at most this often; at the end of the log at once, so that the last price is never held back. */
export class FlushTimer {
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #last = { flush: -Infinity, minutes: -Infinity, long: -Infinity }

  constructor(everyMs: number, clock: Clock) {
    this.#everyMs = everyMs
    this.#clock = clock
  }

  due(batch: Batch): Required<Omit<Flush, 'latest'>> {
    return {
      flush: this.#isDue('flush', 1) || this.#isNow('flush', batch),
      minutes: this.#isDue('minutes', MINUTES_FACTOR),
      long: this.#isDue('long', LONG_FACTOR),
    }
  }

  #isDue(what: 'flush' | 'minutes' | 'long', factor: number): boolean {
    const now = this.#clock.elapsed()
    if (now - this.#last[what] < factor * this.#everyMs) return false
    this.#last[what] = now
    return true
  }

  #isNow(what: 'flush', batch: Batch): boolean {
    if (batch.records.length > 0) return false
    this.#last[what] = this.#clock.elapsed()
    return true
  }
}
