/** What is known about a candle or window only when it is read. */
import { type CandleRow, type ClosedBy, INTERVAL_MS, type Interval, type TimeRange, type WindowRow } from '../trade.ts'
import type { Info } from './info.ts'
import { type Ledger, readLedger } from './ledger.ts'
import { collect } from './paging.ts'
import type { Judged } from './row-schema.ts'
import type { StoreReader } from './store-reader.ts'

export interface JudgeOptions {
  store: StoreReader
  info: Pick<Info, 'origin'>
}

export async function judgeCandles(
  options: JudgeOptions,
  rows: readonly CandleRow[],
  interval: Interval,
): Promise<Judged<CandleRow>[]> {
  const length = INTERVAL_MS[interval]
  const rangeOf = (row: CandleRow) => ({ from: row.open_ts, to: row.open_ts + length })
  const around = aroundOf(rows, rangeOf)
  if (around === null) return []
  const counts = new Map<string, number>()
  for (const row of await collect(options.store, 'late', around))
    if (row.missed.split(',').includes(interval)) count(counts, row.symbol, Math.floor(row.trade_ts / length) * length)
  const complete = await completeness(options, rows, { rangeOf, around })
  return rows.map((row) => judged(row, counts.get(`${row.open_ts} ${row.symbol}`), complete(row)))
}

export async function judgeWindows(options: JudgeOptions, rows: readonly WindowRow[]): Promise<Judged<WindowRow>[]> {
  const rangeOf = (row: WindowRow) => ({ from: row.window_start_ts, to: row.window_end_ts })
  const around = aroundOf(rows, rangeOf)
  if (around === null) return []
  const counts = new Map<string, number>()
  for (const row of await collect(options.store, 'late', around))
    for (const missed of row.missed.split(',')) {
      const [, end] = missed.split('@')
      if (end !== undefined) count(counts, row.symbol, Number(end))
    }
  const complete = await completeness(options, rows, { rangeOf, around })
  return rows.map((row) => judged(row, counts.get(`${row.window_end_ts} ${row.symbol}`), complete(row)))
}

type Complete = Judged<unknown>['complete']

const judged = <Row>(row: Row, late = 0, complete: Complete): Judged<Row> => ({ ...row, late, complete })

const count = (counts: Map<string, number>, symbol: string, time: number): void => {
  const key = `${time} ${symbol}`
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

interface Closed {
  symbol: string
  closed_by: ClosedBy
  n: number
}

interface Around extends TimeRange {
  symbols: readonly string[]
}

/**
 * A gap is in the log before any trade that follows it. So where the watermark has passed a row the ledger is known
 * up to its end; a row that the clock closed, or that only stands in for a candle, needs a later trade as proof.
 * Of a recording nobody knows what its feed did not see.
 */
async function completeness<Row extends Closed>(
  { store, info }: JudgeOptions,
  rows: readonly Row[],
  { rangeOf, around }: { rangeOf: (row: Row) => TimeRange; around: Around },
): Promise<(row: Row) => Complete> {
  const isRecorded = info.origin === 'replay' || info.origin === null
  const byWatermark = (row: Row) => row.closed_by === 'watermark' && row.n > 0
  const unproven = isRecorded ? [] : rows.filter((row) => row.closed_by !== 'open' && !byWatermark(row))
  // Before the ledger: what these trades prove is proved of what is read after them.
  const newest = await newestTrades(store, [...new Set(unproven.map(({ symbol }) => symbol))])
  const ledger: Ledger = await readLedger(store, around.symbols, around)
  return (row) => {
    const range = rangeOf(row)
    if (ledger.hasGap(row.symbol, range)) return 'partial'
    if (isRecorded || row.closed_by === 'open') return 'unknown'
    return byWatermark(row) || (newest.get(row.symbol) ?? 0) >= range.to ? 'complete' : 'unknown'
  }
}

async function newestTrades(store: StoreReader, symbols: readonly string[]): Promise<Map<string, number>> {
  if (symbols.length === 0) return new Map()
  const newest = new Map<string, number>()
  for await (const rows of store.read('latest', { symbols }))
    for (const { symbol, trade_ts } of rows) newest.set(symbol, trade_ts)
  return newest
}

/** What the rows span, and of which symbols; null: there are none. */
function aroundOf<Row extends { symbol: string }>(
  rows: readonly Row[],
  rangeOf: (row: Row) => TimeRange,
): Around | null {
  if (rows.length === 0) return null
  let from = Number.POSITIVE_INFINITY
  let to = 0
  const symbols = new Set<string>()
  for (const row of rows) {
    const range = rangeOf(row)
    from = Math.min(from, range.from)
    to = Math.max(to, range.to)
    symbols.add(row.symbol)
  }
  return { symbols: [...symbols], from, to }
}
