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
}

/** Time passed on a live feed and nothing else happened. */
export interface Tick {
  kind: 'tick'
  at: number
}

export type FeedEvent = Frame | Opened | Closed | Tick

export interface Feed {
  /**
   * Events in order of receipt, as many at once as are there, until `signal` aborts or a finite source ends.
   * Reconnects inside; throws only what no retry cures. A caller that does not pull makes it queue up to its
   * bound; beyond that a live feed counts and reports what it lost, a replay simply waits.
   */
  events(signal: AbortSignal): AsyncIterable<readonly FeedEvent[]>
  /** Called when the log holds every frame up to this one of its session. */
  acknowledge(frame: Frame): void
}
