/**
 * The data that flows: what the feed sends (`Entry`), and the rows that users read.
 * Row fields are the columns of the tables, so a row is the same thing in the store,
 * in an export and in an API answer. All times are unix ms unless a name says otherwise.
 */

/** One trade as the feed sends it and as the log keeps it (`s` symbol, `p` price, `v` volume, `t` ms, `c` conditions). */
export interface Entry {
  c: readonly (string | null)[] | null
  p: number
  s: string
  t: number
  v: number
}

const MAX_TS = 4_102_444_800_000

/** Whole ms between 1970 and 2100. */
export const isTime = (t: unknown): t is number => typeof t === 'number' && Number.isInteger(t) && t > 0 && t < MAX_TS

/** Why an entry is no trade, or null for a valid one. The only statement of the rule. */
export function entryProblem(entry: { readonly [field in keyof Entry]?: unknown }): EntryProblem | null {
  const { s, p, t, v, c } = entry
  if (typeof s !== 'string' || s === '') return 'symbol'
  if (typeof p !== 'number' || !(p > 0) || p === Number.POSITIVE_INFINITY) return 'price'
  if (!isTime(t)) return 'time'
  if (typeof v !== 'number' || !(v >= 0) || v === Number.POSITIVE_INFINITY) return 'volume'
  if (c !== null && c !== undefined && !(Array.isArray(c) && c.every(isText))) return 'conditions'
  return null
}
export type EntryProblem = 'symbol' | 'price' | 'time' | 'volume' | 'conditions'

const isText = (value: unknown): boolean => typeof value === 'string'

/** Candle intervals, shortest first. Each is a whole multiple of the one before it. */
export const INTERVALS = ['1s', '1m', '5m', '15m', '1h', '1d'] as const
export type Interval = (typeof INTERVALS)[number]

export const INTERVAL_MS: Readonly<Record<Interval, number>> = {
  '1s': 1_000,
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000,
  '1d': 86_400_000,
}

/** What closed a window: nothing yet, the quiet-market rule, or the watermark. */
export type ClosedBy = 'open' | 'idle' | 'watermark'

/** The trades of one log record on their way to the table `trades`; the entry's index is part of its id. */
export interface TradeBatch {
  symbol: string
  partition: number
  offset: number
  /** When the frame was received; null when the recording does not say. */
  received: number | null
  /** The log's timestamp. */
  ingested: number
  entries: readonly Entry[]
  /** Indexes that are no row: marked repeats and price updates (v = 0). Null: none. */
  skip: ReadonlySet<number> | null
  /** Indexes flagged `future`. Null: none. */
  future: ReadonlySet<number> | null
}

/** A row of `trades`. `conditions` and `flags` are comma joined. */
export interface TradeRow {
  symbol: string
  hour: string
  trade_ts: number
  log_partition: number
  log_offset: number
  log_index: number
  price: number
  volume: number
  conditions: string
  received_ts: number | null
  ingested_ts: number
  flags: string
}

interface Closing {
  final: boolean
  closed_by: ClosedBy
  revision: number
}

interface Ohlcv {
  open: number
  high: number
  low: number
  close: number
  volume: number
  vwap: number
  n: number
}

/** A row of `running_averages_15_sec`: one hopping window `[window_start_ts, window_end_ts)`. */
export interface WindowRow extends Ohlcv, Closing {
  symbol: string
  day: string
  window_end_ts: number
  window_start_ts: number
  mean_price: number
  mean_notional: number
}

/** A row of `candles`: `[open_ts, open_ts + interval)`. */
export interface CandleRow extends Ohlcv, Closing {
  symbol: string
  interval: Interval
  bucket: string
  open_ts: number
}

/** A row and its write stamp in µs: of two writes of one key, the larger stamp stays. */
export type Stamped<Row> = Row & { stamp: number }

/** A row of `late_trades`: a trade that came after one of its windows was final. */
export interface LateRow {
  symbol: string
  day: string
  trade_ts: number
  log_partition: number
  log_offset: number
  log_index: number
  price: number
  volume: number
  /** Comma joined names of what it missed: `15s@<end>` (the window's size and end) for hopping windows, `1s`, `1m`, ... for candles. */
  missed: string
  /** The smallest candle that was still open for it; empty when even the day was closed. */
  entry_interval: Interval | ''
  /** How far the watermark had passed its event time. */
  late_by_ms: number
  incarnation: number
}

/** A row of `rollup`: the exact sums of a closed candle, from which its parent is restored. */
export interface RollupRow {
  log_partition: number
  incarnation: number
  day: string
  interval: Interval
  symbol: string
  start_ts: number
  n: number
  volume: number
  sum_pv: number
  sum_p: number
  high: number
  low: number
  open: number
  open_ts: number
  open_offset: number
  open_index: number
  close: number
  close_ts: number
  close_offset: number
  close_index: number
}

/** A row of `latest`. `change` is against the open of the current UTC day. */
export interface LatestRow {
  symbol: string
  price: number
  volume: number
  trade_ts: number
  received_ts: number | null
  day_open: number | null
  change: number | null
  change_percent: number | null
}

/** A row of `gaps`: `[from_ts, to_ts)` without a view of the symbol's market. Of one UTC day: a longer gap has several. */
export interface GapRow {
  symbol: string
  day: string
  from_ts: number
  cause: string
  to_ts: number
  detail: string
}

/** `[from, to)` in unix ms. */
export interface TimeRange {
  from: number
  to: number
}

const DAY_MS = 86_400_000

/** When the UTC day of a time begins. */
export const dayStartOf = (ts: number): number => Math.floor(ts / DAY_MS) * DAY_MS

/** `YYYY-MM-DD` in UTC. */
export const dayOf = (ts: number): string => {
  const day = Math.floor(ts / DAY_MS)
  if (day !== cachedDay) {
    cachedDayText = new Date(day * DAY_MS).toISOString().slice(0, 10)
    cachedDay = day
  }
  return cachedDayText
}
let cachedDay = Number.NaN
let cachedDayText = ''

/** `YYYY-MM-DDTHH` in UTC. */
export const hourOf = (ts: number): string => {
  const hour = Math.floor(ts / 3_600_000) % 24
  return `${dayOf(ts)}T${hour < 10 ? '0' : ''}${hour}`
}

/** The partition text of a candle: its hour (1s), its day (1m to 15m) or its year (1h, 1d). */
export const bucketOf = (interval: Interval, openTs: number): string => {
  if (interval === '1s') return hourOf(openTs)
  if (interval === '1h' || interval === '1d') return dayOf(openTs).slice(0, 4)
  return dayOf(openTs)
}
