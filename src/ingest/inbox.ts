import type { FeedEvent, Frame } from './feed.ts'
import { parseFrame, type ParsedFrame } from './frame.ts'
import type { ProducerOptions } from './outbox.ts'
import { RepeatMarker, type Marked } from './repeats.ts'
import { SkewEstimate } from './skew.ts'
import type { Entry } from '../trade.ts'

/** A frame with what it says, on its way through the marker. */
export interface Received {
  source: Frame
  conn: number
  received: number | null
  skew: number
  entries: readonly Entry[]
}

/** A frame, or the part of it that is no trade, for the dead-letter topic. */
export interface BadFrame {
  source: Frame
  reason: string
}

/** A handshake tells whole seconds: less than this may be rounding. */
const SKEWED_MS = 2_000

/** Reads frames, estimates the feed's clock, marks repeats. What comes out is in order of receipt. */
export class Inbox {
  readonly #options: ProducerOptions
  readonly #marker: RepeatMarker<Received>
  readonly #skews = new Map<number, SkewEstimate>()
  /** Of the batch under way: frames by kind, and the last estimate. */
  readonly #kinds = new Map<ParsedFrame['kind'], number>()
  #lastSkew = 0
  #isSkewTold = false
  #bad: BadFrame[] = []

  constructor(options: ProducerOptions) {
    const { log, metrics } = options.context
    this.#options = options
    this.#marker = new RepeatMarker<Received>({
      mode: options.repeats,
      onChange: (symbol, from, to) => log.warn('feed.copies_changed', { symbol, from, to }),
      onGuess: (symbol, copies) => {
        metrics.repeatGuesses.inc()
        log.info('feed.copies_guessed', {
          symbol,
          copies,
          why: 'too few trades to know how often this connection delivers',
        })
      },
    })
  }

  take(events: readonly FeedEvent[]): Marked<Received>[] {
    const decided = events.flatMap((event) => this.#take(event))
    this.#report()
    return decided
  }

  /** The frames that can still be held at the end of input. */
  end(): Marked<Received>[] {
    return this.#marker.end()
  }

  /** What came since the last call and is no trade. */
  deadLetters(): BadFrame[] {
    const bad = this.#bad
    this.#bad = []
    return bad
  }

  #report(): void {
    const { metrics } = this.#options.context
    for (const [type, count] of this.#kinds) metrics.feedFrames.inc({ type }, count)
    this.#kinds.clear()
    metrics.clockOffset.set(this.#lastSkew / 1000)
    this.#tellSkew(this.#lastSkew)
    metrics.queueDepth.set({ queue: 'repeats' }, this.#marker.held)
  }

  /** Not again before a connection has the right time: trades are judged by the feed's clock, so nothing is lost. */
  #tellSkew(skew: number): void {
    if (this.#isSkewTold || Math.abs(skew) < SKEWED_MS) return
    this.#isSkewTold = true
    const why = `the feed's clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} this machine's`
    this.#options.context.log.warn('feed.clock_off', { why, try: "set this machine's clock (NTP)" })
  }

  #take(event: FeedEvent): Marked<Received>[] {
    if (event.kind === 'frame') return this.#marker.push(this.#read(event))
    if (event.kind === 'tick') return this.#marker.tick(event.at)
    if (event.kind === 'close') {
      this.#skews.delete(event.conn)
      return this.#marker.close(event.conn)
    }
    if (event.kind !== 'open') return []
    this.#skews.set(event.conn, new SkewEstimate(event.skew))
    if (Math.abs(event.skew ?? 0) < SKEWED_MS) this.#isSkewTold = false
    this.#tellSkew(event.skew ?? 0)
    return []
  }

  #read(source: Frame): Received {
    const parsed = parseFrame(source.text)
    const { conn, received } = source
    if (!source.known) this.#note(source, parsed)
    const entries = parsed.kind === 'trade' ? parsed.entries : []
    return { source, conn, received, entries, skew: this.#skew(conn, received, entries) }
  }

  #skew(conn: number, received: number | null, entries: readonly Entry[]): number {
    if (received === null) return 0
    const estimate = this.#skews.get(conn) ?? new SkewEstimate(null)
    this.#skews.set(conn, estimate)
    this.#lastSkew = estimate.observe(entries, received)
    return this.#lastSkew
  }

  #note(source: Frame, parsed: ParsedFrame): void {
    const { metrics, log } = this.#options.context
    this.#kinds.set(parsed.kind, (this.#kinds.get(parsed.kind) ?? 0) + 1)
    if (parsed.kind === 'error') log.warn('feed.error_frame', { message: parsed.message })
    if (parsed.kind === 'malformed') this.#bad.push({ source, reason: parsed.reason })
    if (parsed.kind !== 'trade' || parsed.rejected.length === 0) return
    for (const { reason } of parsed.rejected) metrics.rejected.inc({ reason })
    this.#bad.push({
      source,
      reason: parsed.rejected.map(({ index, reason }) => `entry ${index}: ${reason}`).join(', '),
    })
  }
}
