import type { Clock } from '../clock.ts'

const PAUSE_MS = 250

/** A pipeline that runs may just not be there yet: how long, all in all, is waited before anything is called wrong. */
export class Patience {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #left: number

  constructor(budget: number, { clock, signal }: { clock: Clock; signal: AbortSignal }) {
    this.#clock = clock
    this.#signal = signal
    this.#left = budget
  }

  /** Waits a moment. False when there is nothing left to wait. */
  async again(): Promise<boolean> {
    if (this.#left <= 0 || this.#signal.aborted) return false
    const startedAt = this.#clock.now()
    await this.#clock.sleep(Math.min(PAUSE_MS, this.#left), this.#signal)
    this.#left -= Math.max(1, this.#clock.now() - startedAt)
    return true
  }
}
