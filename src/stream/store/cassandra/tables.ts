import type { types } from 'cassandra-driver'

import type { CandleRow, GapRow, LateRow, LatestRow, RollupRow, TradeRow, WindowRow } from '../../../trade.ts'
import { COLUMNS } from '../columns.ts'
import { ROLLUP_COLUMNS } from '../insert.ts'

export type CqlType = 'text' | 'double' | 'int' | 'bigint' | 'boolean' | 'timestamp'

type Types<Row> = { readonly [Column in keyof Row & string]: CqlType }

export interface Table {
  name: string
  columns: readonly string[]
  types: Readonly<Record<string, CqlType>>
  /** Columns of the Cassandra partition. */
  partition: readonly string[]
}

const OHLCV = {
  open: 'double',
  high: 'double',
  low: 'double',
  close: 'double',
  volume: 'double',
  vwap: 'double',
  n: 'int',
} as const
const CLOSING = { final: 'boolean', closed_by: 'text', revision: 'int' } as const
const POSITION = { log_partition: 'int', log_offset: 'bigint', log_index: 'int' } as const

const tradeTypes: Types<TradeRow> = {
  symbol: 'text',
  hour: 'text',
  trade_ts: 'timestamp',
  ...POSITION,
  price: 'double',
  volume: 'double',
  conditions: 'text',
  received_ts: 'timestamp',
  ingested_ts: 'timestamp',
  flags: 'text',
}

const windowTypes: Types<WindowRow> = {
  symbol: 'text',
  day: 'text',
  window_end_ts: 'timestamp',
  window_start_ts: 'timestamp',
  mean_price: 'double',
  mean_notional: 'double',
  ...OHLCV,
  ...CLOSING,
}

const candleTypes: Types<CandleRow> = {
  symbol: 'text',
  interval: 'text',
  bucket: 'text',
  open_ts: 'timestamp',
  ...OHLCV,
  ...CLOSING,
}

const lateTypes: Types<LateRow> = {
  symbol: 'text',
  day: 'text',
  trade_ts: 'timestamp',
  ...POSITION,
  price: 'double',
  volume: 'double',
  missed: 'text',
  entry_interval: 'text',
  late_by_ms: 'bigint',
  incarnation: 'bigint',
}

const latestTypes: Types<LatestRow & { stamp: number }> = {
  symbol: 'text',
  price: 'double',
  volume: 'double',
  trade_ts: 'timestamp',
  received_ts: 'timestamp',
  day_open: 'double',
  change: 'double',
  change_percent: 'double',
  stamp: 'bigint',
}

const rollupTypes: Types<RollupRow> = {
  log_partition: 'int',
  incarnation: 'bigint',
  day: 'text',
  interval: 'text',
  symbol: 'text',
  start_ts: 'timestamp',
  n: 'int',
  volume: 'double',
  sum_pv: 'double',
  sum_p: 'double',
  high: 'double',
  low: 'double',
  open: 'double',
  open_ts: 'timestamp',
  open_offset: 'bigint',
  open_index: 'int',
  close: 'double',
  close_ts: 'timestamp',
  close_offset: 'bigint',
  close_index: 'int',
}

const gapTypes: Types<GapRow> = {
  symbol: 'text',
  day: 'text',
  from_ts: 'timestamp',
  cause: 'text',
  to_ts: 'timestamp',
  detail: 'text',
}

const OWNER = ['log_partition', 'incarnation', 'day']

export const TABLES = {
  trades: { name: 'trades', columns: COLUMNS.trades, types: tradeTypes, partition: ['symbol', 'hour'] },
  windows: {
    name: 'running_averages_15_sec',
    columns: COLUMNS.windows,
    types: windowTypes,
    partition: ['symbol', 'day'],
  },
  candles: {
    name: 'candles',
    columns: COLUMNS.candles,
    types: candleTypes,
    partition: ['symbol', 'interval', 'bucket'],
  },
  late: { name: 'late_trades', columns: COLUMNS.late, types: lateTypes, partition: ['symbol', 'day'] },
  entries: { name: 'late_entries', columns: COLUMNS.late, types: lateTypes, partition: OWNER },
  rollups: { name: 'rollup', columns: [...ROLLUP_COLUMNS, 'day'], types: rollupTypes, partition: OWNER },
  // The stamp is the cells' own write time, not a column.
  latest: {
    name: 'latest',
    columns: COLUMNS.latest.filter((column) => column !== 'stamp'),
    types: latestTypes,
    partition: ['symbol'],
  },
  gaps: { name: 'gaps', columns: COLUMNS.gaps, types: gapTypes, partition: ['symbol', 'day'] },
} satisfies Record<string, Table>

/** Plain numbers and texts from what the driver makes of a row. */
export function decoderOf(columns: readonly string[], types: Table['types']): (row: types.Row) => unknown {
  const fields = columns.map((column) => [column, DECODERS[types[column] ?? 'text']] as const)
  return (row) => {
    const decoded: Record<string, unknown> = {}
    for (const [column, decode] of fields) {
      const value: unknown = row[column]
      decoded[column] = value === null ? null : decode(value)
    }
    return decoded
  }
}

const same = (value: unknown): unknown => value
const fromLong = (value: unknown): number => (value as types.Long).toNumber()

const DECODERS: Readonly<Record<CqlType, (value: unknown) => unknown>> = {
  text: same,
  double: same,
  int: same,
  boolean: same,
  bigint: fromLong,
  timestamp: (value) => (value as Date).getTime(),
}
