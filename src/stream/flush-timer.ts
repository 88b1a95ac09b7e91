import type { Batch } from './broker.ts'
import type { Clock } from '../clock.ts'
import type { Flush } from './window.ts'

/** Candles of 5 m and longer hardly move: their open rows need not be written as often as the others. */
const LONG_EVERY_MS = 1_000

/** Open rows are written at most this often; at the end of the log at once, so that the last price is never held back. */
export class FlushTimer {
  readonly #everyMs: number
  readonly #clock: Clock
  #last = 0
  #lastLong = 0

  constructor(everyMs: number, clock: Clock) {
    this.#everyMs = everyMs
    this.#clock = clock
  }

  due(batch: Batch): Required<Omit<Flush, 'latest'>> {
    const now = this.#clock.now()
    const flush = now - this.#last >= this.#everyMs || batch.records.length === 0
    const long = now - this.#lastLong >= Math.max(LONG_EVERY_MS, this.#everyMs)
    if (flush) this.#last = now
    if (long) this.#lastLong = now
    return { flush, long }
  }
}
