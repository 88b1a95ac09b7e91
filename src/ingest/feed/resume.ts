import { parseFrame } from '../frame.ts'
import type { Entry } from '../../trade.ts'

/** The newest trades of a symbol that are there: how many of the millisecond `t`, and all of those before. */
export interface Reached {
  t: number
  count: number
}

/**
 * Where a simulated market goes on. A frame in which one symbol is ahead of another, or a cut between two trades of one
 * millisecond, neither loses a trade nor brings one twice: a simulator sends each symbol in order of time, so what is
 * there is told for each symbol by its newest time and by how many trades of it are there.
 */
export class Resume {
  readonly #from: number
  readonly #reached: Map<string, Reached>
  /** Of the connection under way: what it still sends again. A symbol leaves when it is past that. */
  #again = new Map<string, Reached>()

  /** `from`: the beginning for a symbol of which nothing is there (unix ms). */
  constructor(symbols: readonly string[], from: number, there: ReadonlyMap<string, Reached> = new Map()) {
    this.#from = from
    this.#reached = new Map(symbols.map((symbol) => [symbol, { ...(there.get(symbol) ?? { t: from, count: 0 }) }]))
  }

  /** For a new connection: from when on it has to send (unix ms). */
  begin(): number {
    this.#again = new Map([...this.#reached].map(([symbol, reached]) => [symbol, { ...reached }]))
    return Math.max(this.#from, Math.min(...[...this.#reached.values()].map(({ t }) => t)))
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
