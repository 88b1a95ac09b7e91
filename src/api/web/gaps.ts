import type { CandleRow, GapRow, TimeRange } from '../../trade.ts'
import type { Client } from './client.ts'

type Asker = Pick<Client, 'get'>

const PAGE_ROWS = 1_000
/** Of a feed that fails all the time the newest are enough. */
const MOST_PAGES = 3

const nameOf = ({ from_ts, cause }: GapRow): string => `${from_ts} ${cause}`

/** The gaps of the symbol on show, asked for again and again: a gap that lasts is told with a later and later end. */
export class Gaps {
  readonly #client: Asker
  #symbol: string | null = null
  #rows: readonly GapRow[] | null = null
  /** What was asked for last. */
  #from = 0
  #reading: symbol | null = null

  constructor(client: Asker) {
    this.#client = client
  }

  /** Oldest first; another array when they have changed. */
  get rows(): readonly GapRow[] {
    return this.#rows ?? NONE
  }

  show(symbol: string | null): void {
    if (symbol === this.#symbol) return
    this.#symbol = symbol
    this.#rows = null
    this.#reading = null
  }

  /** Reads those that end after `from` (ms). Answers the ones that nobody knew before; none of the first reading. */
  async load(from: number): Promise<readonly GapRow[]> {
    const symbol = this.#symbol
    if (symbol === null || this.#reading !== null) return NONE
    const reading = Symbol('reading')
    this.#reading = reading
    const found = await readGaps(this.#client, symbol, from)
    if (this.#reading !== reading) return NONE
    this.#reading = null
    return found === null ? NONE : this.#put(found, from)
  }

  #put(found: readonly GapRow[], from: number): readonly GapRow[] {
    const before = this.#rows
    const asked = this.#from
    this.#from = from
    if (before !== null && JSON.stringify(before) === JSON.stringify(found)) return NONE
    this.#rows = found
    const known = new Set(before?.map(nameOf))
    return before === null ? NONE : found.filter((row) => row.to_ts > asked && !known.has(nameOf(row)))
  }
}

const NONE: readonly GapRow[] = []

/** Oldest first. Null: the server did not answer. */
async function readGaps(client: Asker, symbol: string, from: number): Promise<GapRow[] | null> {
  const rows: GapRow[] = []
  let cursor: string | null = null
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const query = new URLSearchParams({ symbol, from: String(from), order: 'desc', limit: String(PAGE_ROWS) })
    if (cursor !== null) query.set('cursor', cursor)
    const path = `/v1/gaps?${query.toString()}`
    const page: { data: readonly GapRow[]; next_cursor: string | null } | null = await client.get(path)
    if (page === null) return null
    rows.push(...page.data)
    cursor = page.next_cursor
    if (cursor === null) break
  }
  return rows.sort((a, b) => a.from_ts - b.from_ts)
}

/** Those that overlap the range. */
export const gapsIn = (gaps: readonly GapRow[], { from, to }: TimeRange): GapRow[] =>
  gaps.filter(({ from_ts, to_ts }) => from_ts < to && to_ts > from)

/** Bars from index `from` to before index `to`; where the two are equal, the place between two bars. */
export type Band = TimeRange

/** What is to be shaded: every bar that a gap makes partial, and the place of gaps in which there is no bar. */
export function bandsOf(gaps: readonly GapRow[], candles: readonly CandleRow[], barMs: number): Band[] {
  const oldest = candles[0]?.open_ts
  if (oldest === undefined) return []
  const bands = gaps
    .filter(({ to_ts }) => to_ts > oldest)
    .map(({ from_ts, to_ts }) => ({ from: barsBefore(candles, from_ts - barMs + 1), to: barsBefore(candles, to_ts) }))
    .sort((a, b) => a.from - b.from)
  return joined(bands)
}

/** How many bars open before this time. */
function barsBefore(candles: readonly CandleRow[], time: number): number {
  let low = 0
  let high = candles.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((candles[middle]?.open_ts ?? 0) < time) low = middle + 1
    else high = middle
  }
  return low
}

/** Shades must not lie on one another. */
function joined(bands: readonly Band[]): Band[] {
  const result: Band[] = []
  for (const band of bands) {
    const last = result.at(-1)
    if (last !== undefined && band.from <= last.to) last.to = Math.max(last.to, band.to)
    else result.push({ ...band })
  }
  return result
}
