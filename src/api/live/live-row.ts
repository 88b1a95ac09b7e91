/** The rows of the live push as clients see them: keys, order, and which of two states is the newer. */
import type { CandleRow, TradeBatch, TradeRow, WindowRow } from '../../trade.ts'
import { hourOf } from '../../trade.ts'
import type { LiveRow } from '../protocol.ts'

/** The trades of one record as rows of `trades`. */
export function tradeRows(batch: TradeBatch): TradeRow[] {
  const rows: TradeRow[] = []
  for (const [index, entry] of batch.entries.entries()) {
    if (batch.skip?.has(index)) continue
    rows.push({
      symbol: batch.symbol,
      hour: hourOf(entry.t),
      trade_ts: entry.t,
      log_partition: batch.partition,
      log_offset: batch.offset,
      log_index: index,
      price: entry.p,
      volume: entry.v,
      conditions: entry.c?.join(',') ?? '',
      received_ts: batch.received,
      ingested_ts: batch.ingested,
      flags: batch.future?.has(index) ? 'future' : '',
    })
  }
  return rows
}

/** The row without the store's write stamp, which is no column. */
export function bare<Row extends object>(row: Row): Row {
  if (!('stamp' in row)) return row
  const copy: Row & { stamp?: unknown } = { ...row }
  delete copy.stamp
  return copy
}

export const isTrade = (row: LiveRow): row is TradeRow => 'log_offset' in row
const isCandle = (row: LiveRow): row is CandleRow => 'open_ts' in row
const isWindow = (row: LiveRow): row is WindowRow => 'window_end_ts' in row

export const timeOf = (row: LiveRow): number =>
  isCandle(row) ? row.open_ts : isWindow(row) ? row.window_end_ts : row.trade_ts

/** Two rows of one channel with the same key are two states of one thing. */
export const keyOf = (row: LiveRow): string => {
  if (isTrade(row)) return `${row.log_partition}/${row.log_offset}/${row.log_index}`
  return isCandle(row) || isWindow(row) ? `${timeOf(row)} ${row.symbol}` : row.symbol
}

/** Oldest first; trades of one ms in the order of the log. */
export function byAge(a: LiveRow, b: LiveRow): number {
  const apart = timeOf(a) - timeOf(b)
  if (apart !== 0) return apart
  if (!isTrade(a) || !isTrade(b)) return a.symbol < b.symbol ? -1 : 1
  return a.log_partition - b.log_partition || a.log_offset - b.log_offset || a.log_index - b.log_index
}

const RANKS = { open: 0, idle: 1, watermark: 2 } as const

/** False when `next` is an earlier state than `now` (the store was read after it was published). */
export function supersedes(next: LiveRow, now: LiveRow): boolean {
  if (isTrade(next) || isTrade(now)) return true
  const apart = timeOf(next) - timeOf(now)
  if (apart !== 0 || !hasState(next) || !hasState(now)) return apart >= 0
  if (next.revision !== now.revision) return next.revision > now.revision
  return next.n === now.n ? RANKS[next.closed_by] >= RANKS[now.closed_by] : next.n > now.n
}

const hasState = (row: Exclude<LiveRow, TradeRow>): row is CandleRow | WindowRow => 'closed_by' in row
