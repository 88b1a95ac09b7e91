const SAMPLES = 100
const ENOUGH = 20

/**
 * How far the feed's clock is ahead of ours on one connection, ms: the median of (event time - receipt) over the
 * last 100 entries, or what the handshake's `Date` said where that is more; never below 0, for a delay is no skew.
 */
export class SkewEstimate {
  readonly #handshake: number
  /** The same, also where the server's clock is behind: of that trades tell nothing, it looks like delay. */
  readonly #told: number
  /** A ring, oldest at `#next` once it is full; and the same samples in order of size. */
  readonly #samples: number[] = []
  readonly #ordered: number[] = []
  #next = 0

  constructor(handshake: number | null) {
    this.#told = handshake ?? 0
    this.#handshake = Math.max(0, this.#told)
  }

  /** The estimate before this frame's entries, which are then taken in. */
  observe(entries: readonly { t: number }[], received: number): number {
    const estimate = this.current()
    for (const { t } of entries) this.#add(t - received)
    return estimate
  }

  current(): number {
    const { length } = this.#ordered
    if (length < ENOUGH) return this.#handshake
    const upper = this.#ordered[Math.floor(length / 2)] ?? 0
    const lower = this.#ordered[Math.ceil(length / 2) - 1] ?? 0
    return Math.max(this.#handshake, Math.round((lower + upper) / 2))
  }

  /** For people: the feed's clock minus ours, below 0 where the handshake said so. */
  offset(): number {
    return this.current() || this.#told
  }

  #add(sample: number): void {
    const oldest = this.#samples[this.#next]
    if (oldest !== undefined) this.#ordered.splice(placeOf(oldest, this.#ordered), 1)
    this.#ordered.splice(placeOf(sample, this.#ordered), 0, sample)
    this.#samples[this.#next] = sample
    this.#next = (this.#next + 1) % SAMPLES
  }
}

/** The first place whose value is not below `value`. */
function placeOf(value: number, ordered: readonly number[]): number {
  let low = 0
  let high = ordered.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ordered[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
