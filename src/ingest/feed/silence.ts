import { isMarketOpen, isUsStock } from '../../market-hours.ts'
import type { Log } from '../../telemetry.ts'

export interface SilenceLimits {
  /** No silence shorter than this is a sign of anything. */
  shortestMs: number
  /** A symbol is missed after this many times its usual pause between trades. */
  pauses: number
}

const LIMITS: SilenceLimits = { shortestMs: 30_000, pauses: 20 }
/** So many pauses must have been seen before a symbol has a rhythm. */
const FEWEST_PAUSES = 20
/** Weight of the newest pause in the usual one. */
const NEWEST = 0.1
/** A frame's symbols are looked at this often: enough to see who trades, and no work per frame. */
const LOOK_EVERY_MS = 100
const SHORTEST_NIGHT_MS = 8 * 3_600_000
const TRADES = /"type":"trade"/
const SYMBOL = /"s":"((?:[^"\\]|\\.)*)"/g

/** `since`: receipt of the last trade, unix ms. */
export interface Death {
  since: number
  why: string
}

interface Rhythm {
  lastAt: number
  pauseMs: number
  pauses: number
}

/**
 * A connection that still answers pings but brings no trades: is the market closed, quiet, or the connection dead? It is
 * dead where a symbol that trades by the calendar is silent for much longer than it usually is, and so are all others.
 * A new connection is not called dead again before a trade came.
 */
export class Silence {
  readonly #log: Log
  readonly #limits: SilenceLimits
  readonly #rhythms = new Map<string, Rhythm>()
  #openedAt = 0
  /** On this connection; null: none yet. */
  #lastTradeAt: number | null = null
  #lookedAt = Number.NEGATIVE_INFINITY
  #told: 'closed' | 'quiet' | null = null

  constructor(log: Log, limits: Partial<SilenceLimits> = {}) {
    this.#log = log
    this.#limits = { ...LIMITS, ...limits }
  }

  opened(at: number): void {
    this.#openedAt = at
    this.#lastTradeAt = null
  }

  frame(text: string, at: number): void {
    if (!TRADES.test(text)) return
    this.#lastTradeAt = at
    this.#told = null
    if (at < this.#lookedAt + LOOK_EVERY_MS) return
    this.#lookedAt = at
    for (const symbol of new Set([...text.matchAll(SYMBOL)].map(([, symbol = '']) => symbol))) this.#traded(symbol, at)
  }

  /** Null: alive, or silent for a reason. Says once that a market is closed or quiet. */
  dead(now: number): Death | null {
    const silentMs = now - (this.#lastTradeAt ?? this.#openedAt)
    if (silentMs < this.#limits.shortestMs) return null
    const missed = [...this.#rhythms].find(([symbol, rhythm]) => this.#isMissed(symbol, rhythm, now))
    const since = this.#lastTradeAt
    if (missed === undefined || since === null) {
      this.#tell(now, silentMs)
      return null
    }
    const [symbol, { pauseMs }] = missed
    return {
      since,
      why: `no trade for ${seconds(silentMs)}, though ${symbol} usually trades every ${seconds(pauseMs)}`,
    }
  }

  #traded(symbol: string, at: number): void {
    const rhythm = this.#rhythms.get(symbol)
    if (rhythm === undefined) return void this.#rhythms.set(symbol, { lastAt: at, pauseMs: 0, pauses: 0 })
    const pause = at - rhythm.lastAt
    rhythm.pauseMs = rhythm.pauses === 0 ? pause : rhythm.pauseMs + NEWEST * (pause - rhythm.pauseMs)
    rhythm.pauses++
    rhythm.lastAt = at
  }

  #isMissed(symbol: string, { lastAt, pauseMs, pauses }: Rhythm, now: number): boolean {
    if (pauses < FEWEST_PAUSES) return false
    const limit = Math.max(this.#limits.shortestMs, this.#limits.pauses * pauseMs)
    // Missing already while others traded: it rests, as in a halt, and the connection lived.
    const wasMissed = (this.#lastTradeAt ?? lastAt) - lastAt >= limit
    return !wasMissed && now - lastAt >= limit && wasOpen(symbol, lastAt, now)
  }

  #tell(now: number, silentMs: number): void {
    const known = [...this.#rhythms.keys()]
    const state = known.length > 0 && !known.some((symbol) => isOpen(symbol, now)) ? 'closed' : 'quiet'
    if (state === this.#told) return
    this.#told = state
    const why = state === 'closed' ? 'US stocks do not trade now, by the NYSE calendar' : 'the connection lives'
    this.#log.info(`feed.${state}`, { silentMs, why })
  }
}

const isOpen = (symbol: string, at: number): boolean => !isUsStock(symbol) || isMarketOpen(at) !== false

/** All the time. US stocks rest for eight hours at least: the rhythm of one day says nothing of the next. */
const wasOpen = (symbol: string, from: number, to: number): boolean =>
  !isUsStock(symbol) || (to - from < SHORTEST_NIGHT_MS && isOpen(symbol, from) && isOpen(symbol, to))

const seconds = (ms: number): string => `${ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`
