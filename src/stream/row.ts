import type { Aggregate } from './aggregate.ts'
import {
  bucketOf,
  type CandleRow,
  type ClosedBy,
  dayOf,
  type Interval,
  type Stamped,
  type WindowRow,
} from '../trade.ts'

/** 0 open, 1 closed by the quiet market, 2 closed by the watermark. */
export type Rank = 0 | 1 | 2
const CLOSED_BY: readonly ClosedBy[] = ['open', 'idle', 'watermark']

/**
 * The write stamp in µs: a row of more trades beats one of fewer, and of equal ones the later kind of closing.
 * So a stale or replaying writer can never overwrite a fuller row. Based on the start, as time-window compaction
 * buckets by stamp.
 */
const stampOf = (start: number, n: number, rank: Rank): number => start * 1000 + 4 * n + rank

/** Spelled out rather than spread: this is made for every row. */
export const candleRow = (
  symbol: string,
  sum: Aggregate,
  { interval, rank }: { interval: Interval; rank: Rank },
): Stamped<CandleRow> => ({
  symbol,
  interval,
  bucket: bucketOf(interval, sum.start),
  open_ts: sum.start,
  open: sum.open,
  high: sum.high,
  low: sum.low,
  close: sum.close,
  volume: sum.volume,
  vwap: sum.sumPv / sum.volume,
  n: sum.n,
  final: rank > 0,
  closed_by: CLOSED_BY[rank] ?? 'open',
  revision: 0,
  stamp: stampOf(sum.start, sum.n, rank),
})

export const windowRow = (
  symbol: string,
  sum: Aggregate,
  { end, rank }: { end: number; rank: Rank },
): Stamped<WindowRow> => ({
  symbol,
  day: dayOf(end),
  window_end_ts: end,
  window_start_ts: sum.start,
  vwap: sum.sumPv / sum.volume,
  mean_price: sum.sumP / sum.n,
  mean_notional: sum.sumPv / sum.n,
  volume: sum.volume,
  n: sum.n,
  open: sum.open,
  high: sum.high,
  low: sum.low,
  close: sum.close,
  final: rank > 0,
  closed_by: CLOSED_BY[rank] ?? 'open',
  revision: 0,
  stamp: stampOf(sum.start, sum.n, rank),
})
