import type { Entry } from '../trade.ts'
import { Connection } from './repeats/connection.ts'
import type { Copies } from './repeats/evidence.ts'

/**
 * Marks repeated deliveries. A Finnhub connection may deliver every trade two or three times, without a trade id,
 * while others deliver once and contain real equal prints; so neither "equal is the same" nor "all are real" is
 * right. How often each (symbol, time, price, volume, conditions) came tells how many copies m a connection sends;
 * then of the arrivals 0, 1, 2, ... of one key those not divisible by m are repeats.
 *
 * Until that is known, the first second arrival is held, and every frame behind it, for at most 10 s by the
 * recorded receipts (where there are none: until the connection ends). One lone pair on an otherwise silent
 * connection cannot be decided by anyone: it is taken for a copy, and counted as a guess.
 *
 * Frames of several connections share one queue. A connection ends when it is closed or when a frame of a
 * connection not seen before comes: then all that is held is decided. A recording that mixes the frames of two
 * connections goes on with what it knew of the first one.
 */

export const REPEAT_MODES = ['auto', 'collapse', 'keep'] as const
/** `auto`: find out. `collapse`: every equal trade is a repeat. `keep`: none is. */
export type RepeatMode = (typeof REPEAT_MODES)[number]

export interface FrameToMark {
  conn: number
  received: number | null
  entries: readonly Entry[]
}

export interface Marked<Frame> {
  frame: Frame
  /** Ascending indexes of the entries that are repeats, or null for none. */
  repeats: readonly number[] | null
}

export interface MarkerOptions {
  mode: RepeatMode
  /** A connection changed how often it delivers. */
  onChange?: (symbol: string, from: Copies, to: Copies) => void
  /** Nothing decided in time. */
  onGuess?: (symbol: string, copies: Copies) => void
}

interface Held<Frame> {
  frame: Frame
  /** Null without entries: such a frame begins no connection. */
  connection: Connection | null
  arrivals: readonly number[] | null
}

const HOLD_MS = 10_000

export class RepeatMarker<Frame extends FrameToMark> {
  readonly #options: MarkerOptions
  readonly #connections = new Map<number, Connection>()
  /** What the last connection to end delivered. */
  #lastCopies: Copies | null = null
  #queue: Held<Frame>[] = []

  constructor(options: MarkerOptions) {
    this.#options = options
  }

  /** Frames waiting for a decision. */
  get held(): number {
    return this.#queue.length
  }

  /** Takes the next frame, gives those that are decided, in order of receipt. A frame without entries only waits its turn. */
  push(frame: Frame): Marked<Frame>[] {
    if (this.#options.mode === 'keep') return [{ frame, repeats: null }]
    const isNew = frame.entries.length > 0 && !this.#connections.has(frame.conn)
    const ended = isNew ? this.#endAll() : []
    const connection = frame.entries.length === 0 ? null : this.#connection(frame.conn)
    const arrivals = connection?.count(frame.entries, frame.received) ?? null
    this.#queue.push({ frame, connection, arrivals })
    return [...ended, ...this.#drain(frame.received)]
  }

  /** The connection is closed: what it holds is decided, and what it knew is forgotten. */
  close(conn: number): Marked<Frame>[] {
    const connection = this.#connections.get(conn)
    if (connection === undefined) return []
    const decided = this.#endAll()
    this.#connections.delete(conn)
    return decided
  }

  /** Time passes on a live feed. */
  tick(now: number): Marked<Frame>[] {
    return this.#queue.length === 0 ? [] : this.#drain(now)
  }

  /** End of input. */
  end(): Marked<Frame>[] {
    return this.#endAll()
  }

  #endAll(): Marked<Frame>[] {
    for (const connection of this.#connections.values()) connection.matureAll()
    const decided = this.#drain('end')
    for (const connection of this.#connections.values()) this.#lastCopies = connection.prevailing() ?? this.#lastCopies
    return decided
  }

  #connection(conn: number): Connection {
    const known = this.#connections.get(conn)
    if (known !== undefined) return known
    const made = new Connection()
    this.#connections.set(conn, made)
    return made
  }

  #drain(now: number | null | 'end'): Marked<Frame>[] {
    const decided: Marked<Frame>[] = []
    for (const held of this.#queue) {
      const repeats = this.#decide(held, now)
      if (repeats === 'undecided') break
      decided.push({ frame: held.frame, repeats })
    }
    if (decided.length > 0) this.#queue = this.#queue.slice(decided.length)
    return decided
  }

  #decide(
    { frame, connection, arrivals }: Held<Frame>,
    now: number | null | 'end',
  ): readonly number[] | null | 'undecided' {
    if (arrivals === null || connection === null) return null
    const isLate = typeof now === 'number' && frame.received !== null && now - frame.received >= HOLD_MS
    // What is as old as the frame counts, also where its connection fell silent.
    if (isLate) connection.matureUntil(now - HOLD_MS)
    const isOver = now === 'end' || isLate
    const repeats: number[] = []
    for (const [index, arrival] of arrivals.entries()) {
      if (arrival === 0) continue
      const copies = this.#copiesOf(frame.entries[index]?.s ?? '', connection, isOver)
      if (copies === null) return 'undecided'
      if (arrival % copies !== 0) repeats.push(index)
    }
    return repeats.length === 0 ? null : repeats
  }

  /** Null while the frame must wait. */
  #copiesOf(name: string, connection: Connection, isOver: boolean): number | null {
    if (this.#options.mode === 'collapse') return Number.POSITIVE_INFINITY
    const symbol = connection.symbol(name)
    const copies = connection.copiesOf(symbol, (from, to) => this.#options.onChange?.(name, from, to))
    if (copies !== null || !isOver) return copies
    const guessed = connection.guess(symbol, this.#lastCopies)
    this.#options.onGuess?.(name, guessed)
    return guessed
  }
}
