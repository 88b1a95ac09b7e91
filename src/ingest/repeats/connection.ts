import type { Entry } from '../../trade.ts'
import { type Copies, decide, Evidence, guess, relearn, votesOf, type Voter, type Votes } from './evidence.ts'

const MATURE_MS = 300
const MATURE_FRAMES = 2
/** Keys after which the older half is forgotten: far more than lies between a trade and its copy. */
const GENERATION = 20_000

interface Key {
  p: number
  v: number
  c: Entry['c']
  count: number
  isMature: boolean
}

/** All that came of one symbol for one ms. */
class Group implements Voter {
  readonly keys: Key[] = []
  votes: Votes = [0, 0, 0, 0]
  isVoting = false

  /** The mean of what the mature keys say. */
  recount(): void {
    const [only] = this.keys
    if (this.keys.length === 1 && only !== undefined) {
      this.votes = votesOf(only.count)
      return
    }
    const mature = this.keys.filter(({ isMature }) => isMature).map(({ count }) => votesOf(count))
    this.votes = [0, 1, 2, 3].map(
      (m) => mature.reduce((sum, votes) => sum + (votes[m] ?? 0), 0) / Math.max(1, mature.length),
    )
  }
}

/** What is known of one symbol on one connection. */
export class SymbolRepeats {
  readonly evidence = new Evidence()
  copies: Copies | null = null
  /** True while `copies` is only a guess: rule 4 may still replace it. */
  isGuess = false
  groups = new Map<number, Group>()
  olderGroups = new Map<number, Group>()

  groupAt(t: number): Group {
    const known = this.groups.get(t) ?? (this.olderGroups.size > 0 ? this.olderGroups.get(t) : undefined)
    if (known !== undefined) return known
    const made = new Group()
    this.groups.set(t, made)
    return made
  }
}

interface Waiting {
  symbol: SymbolRepeats
  group: Group
  key: Key
  /** Receipt of its first arrival, or the number of its trade frame where receipts are unknown. */
  received: number | null
  frame: number
}

/** One websocket connection: how often each trade came, and what that says about the copies it delivers. */
export class Connection {
  readonly evidence = new Evidence()
  readonly #symbols = new Map<string, SymbolRepeats>()
  #lastName = ''
  #last = new SymbolRepeats()
  #waiting: Waiting[] = []
  #waitingFrom = 0
  #frames = 0
  #keys = 0

  symbol(name: string): SymbolRepeats {
    // Entries of one symbol come together: comparing two texts is cheaper than hashing each.
    if (name === this.#lastName) return this.#last
    this.#last = this.#symbols.get(name) ?? new SymbolRepeats()
    this.#lastName = name
    this.#symbols.set(name, this.#last)
    return this.#last
  }

  /** Counts a trade frame; answers the arrival number of each entry, or null when all are first arrivals. */
  count(entries: readonly Entry[], received: number | null): number[] | null {
    this.#frames++
    let arrivals: number[] | null = null
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index]
      const arrival = entry === undefined ? 0 : this.#arrive(entry, received)
      if (arrival === 0) continue
      arrivals ??= Array.from<number>({ length: entries.length }).fill(0)
      arrivals[index] = arrival
    }
    this.#mature(({ received: first, frame }) =>
      first === null || received === null ? this.#frames - frame >= MATURE_FRAMES : received - first >= MATURE_MS,
    )
    return arrivals
  }

  /** For a connection that fell silent: what came up to then can have no copy on its way any more. */
  matureUntil(time: number): void {
    this.#mature(({ received }) => received !== null && received <= time)
  }

  /** At the end of the connection nothing more can come: every key counts. */
  matureAll(): void {
    this.#mature(() => true)
  }

  /** The number of copies of a symbol by its evidence so far; null while it must wait. Reports a change of mind. */
  copiesOf(symbol: SymbolRepeats, changed: (from: Copies, to: Copies) => void): Copies | null {
    if (symbol.copies !== null && !symbol.isGuess) {
      const better = relearn(symbol.evidence, symbol.copies)
      if (better === null) return symbol.copies
      changed(symbol.copies, better)
      symbol.copies = better
      return better
    }
    const decided = decide(symbol.evidence, this.evidence)
    if (decided === null) return symbol.copies
    symbol.copies = decided
    symbol.isGuess = false
    return decided
  }

  guess(symbol: SymbolRepeats, fromLast: Copies | null): Copies {
    symbol.copies = fromLast ?? guess(symbol.evidence, this.evidence)
    symbol.isGuess = true
    return symbol.copies
  }

  /** What the connection delivers as a whole, where that is known. */
  prevailing(): Copies | null {
    const undecided = new Evidence()
    const shared = decide(undecided, this.evidence)
    if (shared !== null) return shared
    return [...this.#symbols.values()].findLast(({ copies, isGuess }) => copies !== null && !isGuess)?.copies ?? null
  }

  #arrive({ s, t, p, v, c }: Entry, received: number | null): number {
    const symbol = this.symbol(s)
    const group = symbol.groupAt(t)
    const known = group.keys.find((key) => key.p === p && key.v === v && sameConditions(key.c, c))
    if (known !== undefined) {
      known.count++
      if (known.isMature) group.recount()
      return known.count - 1
    }
    const key = { p, v, c, count: 1, isMature: false }
    group.keys.push(key)
    this.#waiting.push({ symbol, group, key, received, frame: this.#frames })
    if (++this.#keys % GENERATION === 0) this.#forgetOld()
    return 0
  }

  #mature(isDue: (waiting: Waiting) => boolean): void {
    let at = this.#waitingFrom
    for (; at < this.#waiting.length; at++) {
      const waiting = this.#waiting[at]
      if (waiting === undefined || !isDue(waiting)) break
      waiting.key.isMature = true
      waiting.group.recount()
      if (waiting.group.isVoting) continue
      waiting.group.isVoting = true
      waiting.symbol.evidence.add(waiting.group)
      this.evidence.add(waiting.group)
    }
    this.#waitingFrom = at
    if (at < 1_024 || at < this.#waiting.length / 2) return
    this.#waiting = this.#waiting.slice(at)
    this.#waitingFrom = 0
  }

  #forgetOld(): void {
    for (const symbol of this.#symbols.values()) {
      symbol.olderGroups = symbol.groups
      symbol.groups = new Map()
    }
  }
}

function sameConditions(a: Entry['c'], b: Entry['c']): boolean {
  if (a === b) return true
  if (a === null || b === null || a.length !== b.length) return false
  return a.every((code, index) => code === b[index])
}
