import type { FeedEvent, Frame } from './feed.ts'
import { FeedClock } from './feed-clock.ts'
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

/** Reads frames, estimates the feed's clock, marks repeats. What comes out is in order of receipt. */
export class Inbox {
  readonly #options: ProducerOptions
  readonly #marker: RepeatMarker<Received>
  readonly #skews = new Map<number, SkewEstimate>()
  /** Null for a recording: its times are of another machine and another day. */
  readonly #feedClock: FeedClock | null
  /** Of the batch under way: frames by kind, and the last connection. */
  readonly #kinds = new Map<ParsedFrame['kind'], number>()
  #lastConn: number | null = null
  #bad: BadFrame[] = []

  constructor(options: ProducerOptions, { hasOwnClock }: { hasOwnClock: boolean }) {
    const { log, metrics } = options.context
    this.#feedClock = hasOwnClock ? new FeedClock(options.context, options.onFeedClock) : null
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
    this.#tellClock()
    metrics.queueDepth.set({ queue: 'repeats' }, this.#marker.held)
  }

  #tellClock(): void {
    const estimate = this.#lastConn === null ? undefined : this.#skews.get(this.#lastConn)
    if (estimate !== undefined) this.#feedClock?.see(estimate.offset())
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
    this.#lastConn = event.conn
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
    this.#lastConn = conn
    return estimate.observe(entries, received)
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
