import { expect } from 'bun:test'

import {
  type CandleRow,
  dayOf,
  type Entry,
  type GapRow,
  type Interval,
  type LateRow,
  type LatestRow,
  type RollupRow,
  type Stamped,
  type TradeBatch,
  type WindowRow,
  bucketOf,
} from '../trade.ts'
import { noRows, type Query, type Rows, type Store, type TableName, type Tables } from './store.ts'

/** 2024-03-05T14:00:00Z, the start of an hour. */
export const HOUR = Date.UTC(2024, 2, 5, 14)
export const MINUTE = 60_000
export const INCARNATION = 1_700_000_000_000

let cases = 0
export const newSymbol = (): string => `S${String(++cases).padStart(4, '0')}`
export const newPartition = (): number => ++cases

export const entry = (t: number, more: Partial<Entry> = {}): Entry => ({ s: '', p: 10.5, v: 2, t, c: null, ...more })

export const tradeBatch = (symbol: string, entries: readonly Entry[], more: Partial<TradeBatch> = {}): TradeBatch => ({
  symbol,
  partition: 3,
  offset: 100,
  received: HOUR + 1,
  ingested: HOUR + 2,
  entries,
  skip: null,
  future: null,
  ...more,
})

const sums = { open: 1.25, high: 4, low: 0.1, close: 3, volume: 12.5, vwap: 1 / 3, n: 7 }
const closing = { final: true, closed_by: 'watermark', revision: 0 } as const

export const windowRow = (symbol: string, end: number, more: Partial<Stamped<WindowRow>> = {}): Stamped<WindowRow> => ({
  symbol,
  day: dayOf(end),
  window_end_ts: end,
  window_start_ts: end - 15_000,
  mean_price: 2 / 3,
  mean_notional: 0.1 + 0.2,
  ...sums,
  ...closing,
  stamp: (end - 15_000) * 1000,
  ...more,
})

export const candleRow = (
  symbol: string,
  { interval, open }: { interval: Interval; open: number },
  more: Partial<Stamped<CandleRow>> = {},
): Stamped<CandleRow> => ({
  symbol,
  interval,
  bucket: bucketOf(interval, open),
  open_ts: open,
  ...sums,
  ...closing,
  stamp: open * 1000,
  ...more,
})

export const lateRow = (symbol: string, trade_ts: number, more: Partial<LateRow> = {}): LateRow => ({
  symbol,
  day: dayOf(trade_ts),
  trade_ts,
  log_partition: 3,
  log_offset: 100,
  log_index: 0,
  price: 10.5,
  volume: 2,
  missed: '1s,1m',
  entry_interval: '5m',
  late_by_ms: 1234,
  incarnation: INCARNATION,
  ...more,
})

export const rollupRow = (symbol: string, start_ts: number, more: Partial<RollupRow> = {}): RollupRow => ({
  log_partition: 3,
  incarnation: INCARNATION,
  day: dayOf(start_ts),
  interval: '1m',
  symbol,
  start_ts,
  n: 3,
  volume: 0.1 + 0.2,
  sum_pv: 1e-9 / 3,
  sum_p: 31.5,
  high: 11,
  low: 10,
  open: 10.5,
  open_ts: start_ts + 1,
  open_offset: 90,
  open_index: 2,
  close: 10.25,
  close_ts: start_ts + 59_999,
  close_offset: 95,
  close_index: 0,
  ...more,
})

export const latestRow = (
  symbol: string,
  trade_ts: number,
  more: Partial<Stamped<LatestRow>> = {},
): Stamped<LatestRow> => ({
  symbol,
  price: 10.5,
  volume: 2,
  trade_ts,
  received_ts: trade_ts + 7,
  day_open: 10,
  change: 0.5,
  change_percent: 5,
  stamp: trade_ts * 1000,
  ...more,
})

export const gapRow = (symbol: string, from_ts: number, more: Partial<Stamped<GapRow>> = {}): Stamped<GapRow> => {
  const to_ts = more.to_ts ?? from_ts + MINUTE
  const day = dayOf(from_ts)
  return { symbol, day, from_ts, cause: 'outage', to_ts, detail: 'socket closed', stamp: to_ts * 1000, ...more }
}

export const rows = (parts: Partial<Rows>): Rows => ({ ...noRows(), ...parts })

/** All rows, pages joined. */
export async function readAll<Name extends TableName>(
  store: Store,
  table: Name,
  query: Query<Tables[Name]>,
): Promise<Tables[Name][]> {
  const all: Tables[Name][] = []
  for await (const page of store.read(table, query)) all.push(...page)
  return all
}

/** The row without its stamp, as it is read. */
export function unstamped<Row extends object>(row: Stamped<Row>): Omit<Row, 'stamp'> {
  const { stamp, ...rest } = row
  expect(stamp).toBeNumber()
  return rest
}
