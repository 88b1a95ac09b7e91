import { seconds } from '../clock-doubt.ts'
import type { Context } from '../telemetry.ts'

/** A handshake tells whole seconds: less than this may be rounding. */
const OFF_MS = 2_000
const FINE_MS = 1_000
const COMPONENT = 'feed-clock'

/** How far the feed's clock is from ours, for people: the metric, a warning once per change. Nothing is lost by it. */
export class FeedClock {
  readonly #context: Context
  readonly #onOffset: (ms: number) => void
  #isOff = false

  constructor(context: Context, onOffset: (ms: number) => void = () => {}) {
    this.#context = context
    this.#onOffset = onOffset
  }

  /** `offset`: the feed's clock minus ours (ms). */
  see(offset: number): void {
    const { log, metrics, health } = this.#context
    metrics.clockOffset.set(offset / 1000)
    this.#onOffset(offset)
    const size = Math.abs(offset)
    const why = `the feed's clock is ${seconds(size)} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's`
    const advice = "set this machine's clock (NTP)"
    if (size >= OFF_MS) {
      if (!this.#isOff) log.warn('feed.clock_off', { why, try: advice })
      this.#isOff = true
      health.warn(COMPONENT, `${why}; ${advice}`)
    } else if (size < FINE_MS && this.#isOff) {
      this.#isOff = false
      log.info('feed.clock_fine')
      health.warn(COMPONENT, null)
    }
  }
}
