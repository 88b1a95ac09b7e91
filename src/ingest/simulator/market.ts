import type { Entry } from '../../trade.ts'
import { SLOT_MS } from './price-path.ts'
import type { Print, TapeOptions } from './tape.ts'
import { Tape } from './tape.ts'

/** Prints that are delivered together: those due in the same part of a second. */
const QUANTUM_MS = 50
/** After a longer sleep of the machine, what lies further back is lost, as on any feed without a past to ask for. */
export const MOST_BEHIND_MS = 600_000

interface Following {
  tape: Tape
  /** Prints before this belong to the past. */
  from: number
  nextSlot: number
}

/** What one connection sees of the market: each print once, in the order of delivery. Times are the server's. */
export class Market {
  readonly #options: TapeOptions
  readonly #following = new Map<string, Following>()
  #pending: Print[] = []
  #sentTo = Number.NEGATIVE_INFINITY

  constructor(options: TapeOptions) {
    this.#options = options
  }

  /** From `from` on, exactly. */
  follow(symbol: string, from: number): void {
    this.#following.set(symbol, { tape: new Tape(symbol, this.#options), from, nextSlot: Math.floor(from / SLOT_MS) })
  }

  unfollow(symbol: string): void {
    this.#following.delete(symbol)
    this.#pending = this.#pending.filter((print) => print.entry.s !== symbol)
  }

  /** Groups of entries whose delivery is due before `now` and that were not given out yet. */
  due(now: number): Entry[][] {
    const end = Math.floor(now / QUANTUM_MS) * QUANTUM_MS
    if (end <= this.#sentTo) return []
    this.#sentTo = end
    for (const following of this.#following.values()) this.#advance(following, end)
    const ready = this.#pending.filter((print) => print.due < end).sort((a, b) => a.due - b.due)
    this.#pending = this.#pending.filter((print) => print.due >= end)
    return grouped(ready)
  }

  #advance(following: Following, end: number): void {
    following.nextSlot = Math.max(following.nextSlot, Math.floor((end - MOST_BEHIND_MS) / SLOT_MS))
    while (following.nextSlot * SLOT_MS < end) {
      for (const print of following.tape.slot(following.nextSlot))
        if (print.t >= following.from) this.#pending.push(print)
      following.nextSlot++
    }
  }
}

/** The prints of one quantum share a frame in two cases of five, as their clock has it; else each symbol has its own. */
function grouped(prints: readonly Print[]): Entry[][] {
  const groups = new Map<string, Entry[]>()
  for (const { due, entry } of prints) {
    const quantum = Math.floor(due / QUANTUM_MS)
    const key = quantum % 5 < 2 ? `${quantum}` : `${quantum} ${entry.s}`
    const group = groups.get(key)
    if (group) group.push(entry)
    else groups.set(key, [entry])
  }
  return [...groups.values()]
}

/** The past `[from, to)` of some symbols in order of time, without the faults of delivery. */
export function* history(
  symbols: readonly string[],
  range: { from: number; to: number },
  options: TapeOptions,
): Generator<Entry> {
  const tapes = symbols.map((symbol) => new Tape(symbol, { ...options, futureShare: 0 }))
  const last = Math.ceil(range.to / SLOT_MS)
  for (let slot = Math.floor(range.from / SLOT_MS); slot < last; slot++) {
    const prints = tapes.flatMap((tape) => tape.slot(slot)).sort((a, b) => a.t - b.t)
    for (const print of prints) if (print.t >= range.from && print.t < range.to) yield print.entry
  }
}
