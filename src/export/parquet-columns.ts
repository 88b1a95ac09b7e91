import type { SchemaElement } from 'hyparquet-writer'

import { COLUMNS } from '../stream/store/columns.ts'
import type { Tables } from '../stream/store.ts'
import type { ExportTable } from './sink.ts'

/** How a column is stored, and what its values are made of. */
interface Kind {
  element: Omit<SchemaElement, 'name'>
  /** To what the writer takes for that type. */
  convert?: (value: unknown) => unknown
}

export interface ParquetColumn extends Kind {
  name: string
}

const REQUIRED = { repetition_type: 'REQUIRED' } as const
const OPTIONAL = { repetition_type: 'OPTIONAL' } as const

/** The ms of the other formats, typed. Readers from before logical types look at the converted type. */
const TIME = {
  type: 'INT64',
  converted_type: 'TIMESTAMP_MILLIS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
} as const

const text: Kind = {
  element: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' }, ...REQUIRED },
}
const double: Kind = { element: { type: 'DOUBLE', ...REQUIRED } }
const int: Kind = { element: { type: 'INT32', ...REQUIRED } }
const long: Kind = { element: { type: 'INT64', ...REQUIRED }, convert: (value) => BigInt(value as number) }
const boolean: Kind = { element: { type: 'BOOLEAN', ...REQUIRED } }
const time: Kind = { element: { ...TIME, ...REQUIRED } }
const timeOrNull: Kind = { element: { ...TIME, ...OPTIONAL } }
/** Absurd but valid prices and volumes overflow; what is no number is null here as it is in JSON. */
const sum: Kind = {
  element: { type: 'DOUBLE', ...OPTIONAL },
  convert: (value) => (Number.isFinite(value) ? value : null),
}

const OHLCV = { open: double, high: double, low: double, close: double, volume: sum, vwap: sum, n: int }
const CLOSING = { final: boolean, closed_by: text, revision: int }

const KINDS: { readonly [Table in ExportTable]: { readonly [Column in keyof Tables[Table] & string]: Kind } } = {
  trades: {
    symbol: text,
    hour: text,
    trade_ts: time,
    log_partition: int,
    log_offset: long,
    log_index: int,
    price: double,
    volume: double,
    conditions: text,
    received_ts: timeOrNull,
    ingested_ts: time,
    flags: text,
  },
  windows: {
    symbol: text,
    day: text,
    window_end_ts: time,
    window_start_ts: time,
    mean_price: sum,
    mean_notional: sum,
    ...OHLCV,
    ...CLOSING,
  },
  candles: { symbol: text, interval: text, bucket: text, open_ts: time, ...OHLCV, ...CLOSING },
  gaps: { symbol: text, day: text, from_ts: time, cause: text, to_ts: time, detail: text },
}

/** The columns of a table in their documented order. */
export function columnsOf(table: ExportTable): readonly ParquetColumn[] {
  const kinds: Readonly<Record<string, Kind>> = KINDS[table]
  return COLUMNS[table].flatMap((name) => {
    const kind = kinds[name]
    return kind === undefined ? [] : [{ name, ...kind }]
  })
}
