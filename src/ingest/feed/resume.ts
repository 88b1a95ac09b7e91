import { parseFrame } from '../frame.ts'
import type { MissedRange } from '../feed.ts'
import type { Entry } from '../../trade.ts'

/** The newest trades of a symbol that are there: how many of the millisecond `t`, and all of those before. */
export interface Reached {
  t: number
  count: number
}

/** What the log has of a market. */
export interface Known {
  reached: ReadonlyMap<string, Reached>
  /** The time of its first trade, or null. */
  oldest: number | null
}

/** How far back a simulated market goes (ms). */
export interface Past {
  /** So much of it comes with the first start. */
  first: number
  /** So much of it is sent again after a pause. What is further back is missed. */
  again: number
}

export interface Beginning {
  /** From when on the market has to send (unix ms). */
  since: number
  missed: readonly MissedRange[]
}

const NOTHING: Known = { reached: new Map(), oldest: null }

/**
 * Where a simulated market goes on. A frame in which one symbol is ahead of another, or a cut between two trades of one
 * millisecond, neither loses a trade nor brings one twice: a simulator sends each symbol in order of time, so what is
 * there is told for each symbol by its newest time and by how many trades of it are there.
 */
export class Resume {
  readonly #symbols: readonly string[]
  readonly #past: Past
  readonly #oldest: number | null
  readonly #reached = new Map<string, Reached>()
  /** Of the connection under way: what it still sends again. A symbol leaves when it is past that. */
  #again = new Map<string, Reached>()

  constructor(symbols: readonly string[], past: Past, { reached, oldest }: Known = NOTHING) {
    this.#symbols = symbols
    this.#past = past
    this.#oldest = oldest
    for (const symbol of symbols) {
      const there = reached.get(symbol)
      if (there !== undefined) this.#reached.set(symbol, { ...there })
    }
  }

  /**
   * For a new connection. A symbol that is further behind than is sent again begins anew, and has missed what lies
   * between.
   */
  begin(now: number): Beginning {
    const limit = now - this.#past.again
    const start = now - this.#past.first
    const missed: MissedRange[] = []
    for (const symbol of this.#symbols) {
      const reached = this.#reached.get(symbol)
      if (reached !== undefined && reached.t >= limit) continue
      if (reached !== undefined) missed.push({ symbol, from: reached.t, to: start })
      // A first start that was cut short may not have come to all symbols: they begin where the others did.
      const t = this.#oldest !== null && this.#oldest >= limit ? this.#oldest : start
      this.#reached.set(symbol, { t, count: 0 })
    }
    this.#again = new Map([...this.#reached].map(([symbol, reached]) => [symbol, { ...reached }]))
    return { since: Math.min(...[...this.#reached.values()].map(({ t }) => t)), missed }
  }

  /** The frame without what is there already; null when nothing is left of it. */
  pass(text: string): string | null {
    const parsed = parseFrame(text)
    if (parsed.kind !== 'trade') return text
    const fresh = this.#again.size === 0 ? parsed.entries : parsed.entries.filter((entry) => this.#isFresh(entry))
    for (const entry of fresh) this.#note(entry)
    if (fresh.length === parsed.entries.length) return text
    return fresh.length === 0 ? null : JSON.stringify({ data: fresh, type: 'trade' })
  }

  #isFresh({ s, t }: Entry): boolean {
    const reached = this.#again.get(s)
    if (reached === undefined) return true
    if (t < reached.t) return false
    if (t === reached.t && reached.count-- > 0) return false
    this.#again.delete(s)
    return true
  }

  #note({ s, t }: Entry): void {
    const reached = this.#reached.get(s)
    if (reached === undefined) this.#reached.set(s, { t, count: 1 })
    else if (t === reached.t) reached.count++
    else if (t > reached.t) {
      reached.t = t
      reached.count = 1
    }
  }
}
