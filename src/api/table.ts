/** The tables as pages: what a row's place is, so that a cursor can name it. */
import type { Tables } from '../stream/store.ts'
import type { CandleRow, GapRow, LateRow, TradeRow, WindowRow } from '../trade.ts'

export type Place = readonly (string | number)[]

/** `place` and `fromPlace` are each other's reverse as far as the store looks at a row it goes on behind. */
export interface ServedTable<Row> {
  timeOf(row: Row): number
  place(row: Row): Place
  fromPlace(place: Place): Row | null
}

export type ServedName = 'trades' | 'candles' | 'windows' | 'late' | 'gaps'

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value)

const ohlcv = { open: 0, high: 0, low: 0, close: 0, volume: 0, vwap: 0, n: 0 }
const closing = { final: false, closed_by: 'open', revision: 0 } as const

const inLog = (row: TradeRow | LateRow): Place => [
  row.symbol,
  row.trade_ts,
  row.log_partition,
  row.log_offset,
  row.log_index,
]

function fromLog([symbol, trade_ts, log_partition, log_offset, log_index]: Place) {
  if (!isText(symbol) || !isNumber(trade_ts)) return null
  if (!isNumber(log_partition) || !isNumber(log_offset) || !isNumber(log_index)) return null
  return { symbol, trade_ts, log_partition, log_offset, log_index, price: 0, volume: 0 }
}

const trades: ServedTable<TradeRow> = {
  timeOf: (row) => row.trade_ts,
  place: inLog,
  fromPlace(place) {
    const row = fromLog(place)
    return row && { ...row, hour: '', conditions: '', received_ts: null, ingested_ts: 0, flags: '' }
  },
}

const late: ServedTable<LateRow> = {
  timeOf: (row) => row.trade_ts,
  place: inLog,
  fromPlace(place) {
    const row = fromLog(place)
    return row && { ...row, day: '', missed: '', entry_interval: '', late_by_ms: 0, incarnation: 0 }
  },
}

const INTERVAL_NAMES: Readonly<Record<string, CandleRow['interval']>> = {
  '1s': '1s',
  '1m': '1m',
  '5m': '5m',
  '15m': '15m',
  '1h': '1h',
  '1d': '1d',
}

const candles: ServedTable<CandleRow> = {
  timeOf: (row) => row.open_ts,
  place: (row) => [row.symbol, row.open_ts, row.interval],
  fromPlace([symbol, open_ts, name]) {
    const interval = isText(name) ? INTERVAL_NAMES[name] : undefined
    if (!isText(symbol) || !isNumber(open_ts) || !interval) return null
    return { symbol, interval, open_ts, bucket: '', ...ohlcv, ...closing }
  },
}

const windows: ServedTable<WindowRow> = {
  timeOf: (row) => row.window_end_ts,
  place: (row) => [row.symbol, row.window_end_ts],
  fromPlace([symbol, window_end_ts]) {
    if (!isText(symbol) || !isNumber(window_end_ts)) return null
    return {
      symbol,
      window_end_ts,
      day: '',
      window_start_ts: 0,
      mean_price: 0,
      mean_notional: 0,
      ...ohlcv,
      ...closing,
    }
  },
}

const gaps: ServedTable<GapRow> = {
  timeOf: (row) => row.from_ts,
  place: (row) => [row.symbol, row.from_ts, row.cause],
  fromPlace([symbol, from_ts, cause]) {
    if (!isText(symbol) || !isNumber(from_ts) || !isText(cause)) return null
    return { symbol, day: '', from_ts, cause, to_ts: 0, detail: '' }
  },
}

export const SERVED: { [Name in ServedName]: ServedTable<Tables[Name]> } = { trades, candles, windows, late, gaps }
