/** What is known about a candle or window only when it is read. */
import { type CandleRow, INTERVAL_MS, type Interval, type LateRow, type WindowRow } from '../trade.ts'
import { collect } from './paging.ts'
import type { Judged } from './row-schema.ts'
import type { StoreReader } from './store-reader.ts'

export async function judgeCandles(
  store: StoreReader,
  rows: readonly CandleRow[],
  interval: Interval,
): Promise<Judged<CandleRow>[]> {
  const length = INTERVAL_MS[interval]
  const late = await lateRows(store, rows, (row) => ({ from: row.open_ts, to: row.open_ts + length }))
  const counts = new Map<string, number>()
  for (const row of late)
    if (row.missed.split(',').includes(interval)) count(counts, row.symbol, Math.floor(row.trade_ts / length) * length)
  return rows.map((row) => judged(row, counts.get(`${row.open_ts} ${row.symbol}`)))
}

export async function judgeWindows(store: StoreReader, rows: readonly WindowRow[]): Promise<Judged<WindowRow>[]> {
  const late = await lateRows(store, rows, (row) => ({ from: row.window_start_ts, to: row.window_end_ts }))
  const counts = new Map<string, number>()
  for (const row of late)
    for (const missed of row.missed.split(',')) {
      const [, end] = missed.split('@')
      if (end !== undefined) count(counts, row.symbol, Number(end))
    }
  return rows.map((row) => judged(row, counts.get(`${row.window_end_ts} ${row.symbol}`)))
}

const judged = <Row>(row: Row, late = 0): Judged<Row> => ({ ...row, late, complete: 'unknown' })

const count = (counts: Map<string, number>, symbol: string, time: number): void => {
  const key = `${time} ${symbol}`
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

async function lateRows<Row extends { symbol: string }>(
  store: StoreReader,
  rows: readonly Row[],
  rangeOf: (row: Row) => { from: number; to: number },
): Promise<LateRow[]> {
  if (rows.length === 0) return []
  let from = Number.POSITIVE_INFINITY
  let to = 0
  const symbols = new Set<string>()
  for (const row of rows) {
    const range = rangeOf(row)
    from = Math.min(from, range.from)
    to = Math.max(to, range.to)
    symbols.add(row.symbol)
  }
  return collect(store, 'late', { symbols: [...symbols], from, to })
}
