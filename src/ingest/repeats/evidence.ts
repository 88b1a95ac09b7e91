/** Copies that a feed may deliver of each trade: the hypotheses. */
export const COPIES = [1, 2, 3, 4] as const
export type Copies = (typeof COPIES)[number]

/** Log likelihoods, one per hypothesis in the order of `COPIES`. */
export type Votes = readonly number[]

const GROUPS = 24
const DECIDED = Math.log(1_000)
const OPPOSED = Math.log(30)
const RELEARN = Math.log(1_000_000)

/** log P(a key came `count` times | every trade is delivered m times), for m of `COPIES`. */
export function votesOf(count: number): Votes {
  const known = table[count]
  if (known !== undefined) return known
  const votes = COPIES.map((m) => {
    const prints = Math.ceil(count / m)
    return Math.log(0.9) + (prints - 1) * Math.log(0.1) + Math.log(count % m === 0 ? 0.99 : 0.01)
  })
  table[count] = votes
  return votes
}
const table: Votes[] = []

/** Something whose vote may still change while it is among the last. */
export interface Voter {
  votes: Votes
}

/** The last 24 (symbol, ms) groups of a symbol or of a connection, and what they say together. */
export class Evidence {
  readonly #groups: Voter[] = []

  add(group: Voter): void {
    this.#groups.push(group)
    if (this.#groups.length > GROUPS) this.#groups.shift()
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0
  }

  total(): number[] {
    const sum = [0, 0, 0, 0]
    for (const { votes } of this.#groups) for (let m = 0; m < 4; m++) sum[m] = (sum[m] ?? 0) + (votes[m] ?? 0)
    return sum
  }
}

/** The likeliest number of copies, and by how much (log) it beats the next. Nothing known: 1, by nothing. */
export function best(total: Votes): { copies: Copies; lead: number } {
  let first = 0
  for (let m = 1; m < 4; m++) if ((total[m] ?? 0) > (total[first] ?? 0)) first = m
  const second = total.filter((_, m) => m !== first).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  return { copies: COPIES[first] ?? 1, lead: (total[first] ?? 0) - second }
}

const against = (total: Votes, copies: Copies): number =>
  best(total).lead > 0 ? Math.max(...total) - (total[copies - 1] ?? 0) : 0

/** A symbol's own evidence decides; else the connection's, unless the symbol's opposes it; else nothing does. */
export function decide(symbol: Evidence, connection: Evidence): Copies | null {
  const own = symbol.total()
  const ownBest = best(own)
  if (!symbol.isEmpty && ownBest.lead >= DECIDED) return ownBest.copies
  const shared = best(connection.total())
  if (connection.isEmpty || shared.lead < DECIDED) return null
  return !symbol.isEmpty && against(own, shared.copies) >= OPPOSED ? null : shared.copies
}

/** Another number of copies, when a symbol's evidence for it is overwhelming. */
export function relearn(symbol: Evidence, known: Copies): Copies | null {
  const total = symbol.total()
  return against(total, known) >= RELEARN ? best(total).copies : null
}

/** The likeliest where nothing decides: the symbol's own evidence, else the connection's. */
export const guess = (symbol: Evidence, connection: Evidence): Copies =>
  best(symbol.isEmpty ? connection.total() : symbol.total()).copies
