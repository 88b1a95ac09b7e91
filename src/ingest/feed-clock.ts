import { type ClockDoubt, seconds } from '../clock-doubt.ts'
import type { Context } from '../telemetry.ts'

/** A handshake tells whole seconds: less than this may be rounding. */
const OFF_MS = 2_000
const FINE_MS = 1_000
const COMPONENT = 'feed-clock'

/** Told the feed's clock minus ours (ms), and that in words where people must know. */
export type FeedClockListener = (offset: number, doubt: ClockDoubt | null) => void

/** How far the feed's clock is from ours, for people: the metric, a warning once per change. Nothing is lost by it. */
export class FeedClock {
  readonly #context: Context
  readonly #onOffset: FeedClockListener
  #isOff = false

  constructor(context: Context, onOffset: FeedClockListener = () => {}) {
    this.#context = context
    this.#onOffset = onOffset
  }

  /** `offset`: the feed's clock minus ours (ms). */
  see(offset: number): void {
    const { log, metrics, health } = this.#context
    metrics.clockOffset.set(offset / 1000)
    const size = Math.abs(offset)
    const isOff = size >= OFF_MS || (this.#isOff && size >= FINE_MS)
    const why = `the feed's clock is ${seconds(size)} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's`
    const advice = "set this machine's clock (NTP)"
    if (isOff && !this.#isOff) log.warn('feed.clock_off', { why, try: advice })
    if (!isOff && this.#isOff) log.info('feed.clock_fine')
    this.#isOff = isOff
    health.warn(COMPONENT, isOff ? `${why}; ${advice}` : null)
    this.#onOffset(offset, isOff ? { hop: 'exchange_receive', off_ms: size, why, try: advice } : null)
  }
}
