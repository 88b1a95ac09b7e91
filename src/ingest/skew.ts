const SAMPLES = 100
const ENOUGH = 20

/**
 * How far the feed's clock is ahead of ours on one connection, ms: the median of (event time - receipt) over the
 * last 100 entries, or what the handshake's `Date` said where that is more; never below 0, for a delay is no skew.
 */
export class SkewEstimate {
  readonly #handshake: number
  readonly #samples: number[] = []
  #next = 0

  constructor(handshake: number | null) {
    this.#handshake = Math.max(0, handshake ?? 0)
  }

  /** The estimate before this frame's entries, which are then taken in. */
  observe(times: readonly { t: number }[], received: number): number {
    const estimate = this.current()
    for (const { t } of times.slice(-SAMPLES)) {
      this.#samples[this.#next] = t - received
      this.#next = (this.#next + 1) % SAMPLES
    }
    return estimate
  }

  current(): number {
    if (this.#samples.length < ENOUGH) return this.#handshake
    const ordered = [...this.#samples].sort((a, b) => a - b)
    const middle = Math.floor(ordered.length / 2)
    const upper = ordered[middle] ?? 0
    const median = ordered.length % 2 === 1 ? upper : (upper + (ordered[middle - 1] ?? upper)) / 2
    return Math.max(this.#handshake, Math.round(median))
  }
}
