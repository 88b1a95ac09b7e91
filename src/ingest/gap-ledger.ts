import type { Closed, FeedEvent, GapCause, Missed } from './feed.ts'

/** What was not seen: `[from, to)` in unix ms. Told again, with a later end, as long as it lasts. */
export interface Gap {
  cause: GapCause
  from: number
  to: number
  detail: string
  symbols: readonly string[]
  /** Since it was last told, ms. */
  more: number
  isOver: boolean
}

export interface Watched {
  symbols: readonly string[]
  /**
   * The feed sends again what was missed on reconnecting: only an overflow leaves a gap then, what is refused, and what it
   * says is missed.
   */
  isSentAgain: boolean
}

interface OpenGap {
  cause: GapCause
  from: number
  detail: string
  /** Up to when it is told. */
  told: number
  symbols: readonly string[]
}

/** A gap that lasts is told at least so often. */
const TELL_EVERY_MS = 10_000

/**
 * Which stretches of a live feed nobody saw, from its events. A gap begins with the last frame received and ends with
 * the first one behind it; any frame proves that the connection lives, for what was sent before it has come. Pure.
 */
export class GapLedger {
  readonly #watched: Watched
  #lastFrame: number | null = null
  #openedAt = 0
  #gap: OpenGap | null = null
  #refused: OpenGap | null = null

  constructor(watched: Watched) {
    this.#watched = watched
  }

  /** The former process, as far as is known, saw frames up to `from`. */
  restarted(from: number): void {
    if (this.#gap === null) this.#begin('restart', { from, detail: '' })
  }

  /** Frames that had come are lost, from the one received at `from` to the next one. */
  lost(cause: GapCause, from: number, detail: string): void {
    if (this.#gap === null || this.#gap.from > from) this.#begin(cause, { from, detail })
  }

  /** What is to be told before anything that these events bring. */
  take(events: readonly FeedEvent[]): Gap[] {
    return events.flatMap((event) => this.#take(event))
  }

  /** The process ends: what lasts is told up to now. */
  end(at: number): Gap[] {
    return this.#tell(at, 0)
  }

  #take(event: FeedEvent): readonly Gap[] {
    switch (event.kind) {
      case 'frame':
        return event.received === null ? [] : this.#frame(event.received)
      case 'open':
        this.#openedAt = event.at ?? this.#openedAt
        this.#lastFrame ??= event.at
        return []
      case 'close':
        return this.#close(event.at ?? this.#openedAt, event)
      case 'lost':
        return this.#interrupt(event.from, 'overflow', `${event.frames} frames came faster than they could be kept`)
      case 'missed':
        return this.#missed(event)
      case 'refused':
        this.#refused ??= { ...this.#opened('refused', event.reason), symbols: event.symbols }
    }
    return this.#tell(event.at, TELL_EVERY_MS)
  }

  #frame(received: number): readonly Gap[] {
    this.#lastFrame = received
    if (this.#gap === null) return []
    const told = this.#told(this.#gap, received, true)
    this.#gap = null
    return told
  }

  #close(at: number, { cause, reason, from }: Pick<Closed, 'cause' | 'reason' | 'from'>): readonly Gap[] {
    if (from !== undefined) this.#lastFrame = from
    const refused = this.#refused === null ? [] : this.#told(this.#refused, at, true)
    this.#refused = null
    return cause === null ? refused : [...refused, ...this.#interrupt(at, cause, reason)]
  }

  /** It is over: what comes now lies behind it. */
  #missed({ cause, ranges, reason }: Missed): readonly Gap[] {
    // The time counts once, however many symbols missed it.
    const longest = Math.max(...ranges.map(({ from, to }) => to - from))
    return ranges.map(({ symbol, from, to }, index) => {
      const more = index === 0 ? longest : 0
      return { cause, from, to, detail: reason, symbols: [symbol], more, isOver: true }
    })
  }

  /** From the last frame on. Where there was none since something else began, that ends here. */
  #interrupt(at: number, cause: GapCause, detail: string): readonly Gap[] {
    const former = this.#gap
    if (former?.cause === cause) return []
    const told = former === null ? [] : this.#told(former, at, true)
    this.#begin(cause, { from: former === null ? (this.#lastFrame ?? at) : at, detail })
    return told
  }

  #begin(cause: GapCause, { from, detail }: { from: number; detail: string }): void {
    const { symbols, isSentAgain } = this.#watched
    const isSeen = isSentAgain && cause !== 'overflow'
    this.#gap = isSeen ? null : { cause, from, detail, told: from, symbols }
  }

  #opened(cause: GapCause, detail: string): Omit<OpenGap, 'symbols'> {
    return { cause, from: this.#openedAt, told: this.#openedAt, detail }
  }

  #tell(at: number, after: number): Gap[] {
    return [this.#gap, this.#refused].flatMap((gap) =>
      gap === null || at - gap.told < after ? [] : this.#told(gap, at, false),
    )
  }

  #told(gap: OpenGap, to: number, isOver: boolean): Gap[] {
    if (to <= gap.from) return []
    const { cause, from, detail, symbols, told } = gap
    gap.told = Math.max(told, to)
    return [{ cause, from, to: gap.told, detail, symbols, more: gap.told - told, isOver }]
  }
}
