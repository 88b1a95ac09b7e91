/** Where trades come from. A feed yields what it saw, in order; it never interprets a frame. */

/** One websocket text message. `(session, seq)` names it for ever: the same frame read again has the same name. */
export interface Frame {
  kind: 'frame'
  conn: number
  /** At most 12 characters. */
  session: string
  seq: number
  /** Unix ms of receipt; null when a recording does not say. */
  received: number | null
  text: string
  /** True when the log acknowledged this frame in an earlier run: it only rebuilds state. */
  known: boolean
}

/** A connection was made. `skew` is the server's clock minus ours, where the handshake told (ms). */
export interface Opened {
  kind: 'open'
  conn: number
  at: number | null
  skew: number | null
}

/** A connection ended: whatever was held for it must be decided now. */
export interface Closed {
  kind: 'close'
  conn: number
  at: number | null
  reason: string
  /** Of the gap that begins with it; null when we ended it ourselves. */
  cause: GapCause | null
  /** When the gap began, where frames without trades came after that. */
  from?: number
}

/** Frames came that could not be kept: those received from `from` to `to`. */
export interface Lost {
  kind: 'lost'
  from: number
  to: number
  frames: number
}

/** `[from, to)` in unix ms. */
export interface MissedRange {
  symbol: string
  from: number
  to: number
}

/** What a market that sends again what was missed does not send any more. */
export interface Missed {
  kind: 'missed'
  ranges: readonly MissedRange[]
  cause: GapCause
  reason: string
}

/** The server does not send these. */
export interface Refused {
  kind: 'refused'
  at: number
  symbols: readonly string[]
  reason: string
}

/** Why a stretch of the market was not seen. */
export type GapCause = 'outage' | 'stall' | 'eviction' | 'restart' | 'refused' | 'overflow'

/** Time passed on a live feed and nothing else happened. */
export interface Tick {
  kind: 'tick'
  at: number
}

export type FeedEvent = Frame | Opened | Closed | Lost | Missed | Refused | Tick

export interface Feed {
  /** What a live feed follows: of that, gaps are recorded. A recording has none, it has what it has. */
  readonly watched?: { symbols: readonly string[]; isSentAgain: boolean }
  /**
   * Events in order of receipt, as many at once as are there, until `signal` aborts or a finite source ends.
   * Reconnects inside; throws only what no retry cures. A caller that does not pull makes it queue up to its
   * bound; beyond that a live feed counts and reports what it lost, a replay simply waits.
   */
  events(signal: AbortSignal): AsyncIterable<readonly FeedEvent[]>
  /** Called when the log, or the disk, holds every frame up to this one of its session. */
  acknowledge(frame: Frame): void
}
