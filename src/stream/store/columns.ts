import type { CandleRow, GapRow, LateRow, LatestRow, TradeRow, WindowRow } from '../../trade.ts'
import type { TableName, Tables } from '../store.ts'

const trades = [
  'symbol',
  'hour',
  'trade_ts',
  'log_partition',
  'log_offset',
  'log_index',
  'price',
  'volume',
  'conditions',
  'received_ts',
  'ingested_ts',
  'flags',
] as const satisfies readonly (keyof TradeRow)[]

const windows = [
  'symbol',
  'day',
  'window_end_ts',
  'window_start_ts',
  'vwap',
  'mean_price',
  'mean_notional',
  'volume',
  'n',
  'open',
  'high',
  'low',
  'close',
  'final',
  'closed_by',
  'revision',
] as const satisfies readonly (keyof WindowRow)[]

const candles = [
  'symbol',
  'interval',
  'bucket',
  'open_ts',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'vwap',
  'n',
  'final',
  'closed_by',
  'revision',
] as const satisfies readonly (keyof CandleRow)[]

const late = [
  'symbol',
  'day',
  'trade_ts',
  'log_partition',
  'log_offset',
  'log_index',
  'price',
  'volume',
  'missed',
  'entry_interval',
  'late_by_ms',
  'incarnation',
] as const satisfies readonly (keyof LateRow)[]

const latest = [
  'symbol',
  'price',
  'volume',
  'trade_ts',
  'received_ts',
  'day_open',
  'change',
  'change_percent',
  'stamp',
] as const satisfies readonly (keyof (LatestRow & { stamp: number }))[]

const gaps = ['symbol', 'day', 'from_ts', 'cause', 'to_ts', 'detail'] as const satisfies readonly (keyof GapRow)[]

/** The columns of each table in their documented order, key columns first. */
export const COLUMNS: { readonly [Name in TableName]: readonly (keyof Tables[Name] & string)[] } = {
  trades,
  windows,
  candles,
  late,
  latest,
  gaps,
}
