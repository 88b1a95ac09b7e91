/** The rows as OpenAPI describes them; the order of the entries is the order of the columns in csv. */
import * as v from 'valibot'

import {
  INTERVALS,
  type CandleRow,
  type GapRow,
  type LateRow,
  type LatestRow,
  type TradeRow,
  type WindowRow,
} from '../trade.ts'

const time = (description: string) => v.pipe(v.number(), v.integer(), v.description(`${description} (unix ms)`))
const number = (description: string) => v.pipe(v.number(), v.description(description))
const text = (description: string) => v.pipe(v.string(), v.description(description))
const symbol = v.pipe(v.string(), v.metadata({ examples: ['BINANCE:BTCUSDT'] }))

const position = {
  log_partition: v.pipe(v.number(), v.integer()),
  log_offset: v.pipe(v.number(), v.integer()),
  log_index: number('Place within the record; with partition and offset the id of the trade'),
}

const ohlcv = {
  open: v.number(),
  high: v.number(),
  low: v.number(),
  close: v.number(),
  volume: v.number(),
  vwap: number('Average price weighted by volume'),
  n: number('Count of trades'),
}

const closing = {
  final: v.pipe(v.boolean(), v.description('True once it is closed; a quiet market may open it again')),
  closed_by: v.picklist(['open', 'idle', 'watermark']),
  revision: number('0 until a reprocessing has replaced it'),
}

/** Computed when read. */
const judged = {
  late: number('Trades that came after it was closed: in `trades`, not in here'),
  complete: v.pipe(
    v.picklist(['complete', 'partial', 'unknown']),
    v.description(
      'Whether the market was seen all the time: `partial` where `/v1/gaps` has a gap in it, `complete` where it is ' +
        'closed, there is none and what came later proves it, else `unknown`, as for every recording',
    ),
  ),
}
export type Judged<Row> = Row & { late: number; complete: 'complete' | 'partial' | 'unknown' }

export const trade = v.pipe(
  v.object({
    symbol,
    trade_ts: time('When it was made, says the feed'),
    price: v.number(),
    volume: v.number(),
    conditions: text('Condition codes, comma joined'),
    flags: text('`future` when its time lies ahead of the clock: it is in no candle'),
    received_ts: v.nullable(time('When the frame came')),
    ingested_ts: time('When the log took it'),
    hour: text('UTC, as in the table key'),
    ...position,
  }) satisfies v.GenericSchema<unknown, TradeRow>,
  v.metadata({ ref: 'Trade' }),
)

export const candle = v.pipe(
  v.object({
    symbol,
    interval: v.picklist(INTERVALS),
    open_ts: time('First moment'),
    ...ohlcv,
    ...closing,
    ...judged,
    bucket: text('UTC, as in the table key'),
  }) satisfies v.GenericSchema<unknown, Judged<CandleRow>>,
  v.metadata({ ref: 'Candle' }),
)

export const window = v.pipe(
  v.object({
    symbol,
    window_start_ts: time('First moment'),
    window_end_ts: time('Moment after the last'),
    ...ohlcv,
    mean_price: number('Average price, every trade alike'),
    mean_notional: number('Average of price times volume'),
    ...closing,
    ...judged,
    day: text('UTC day of the end, as in the table key'),
  }) satisfies v.GenericSchema<unknown, Judged<WindowRow>>,
  v.metadata({ ref: 'Window' }),
)

export const latest = v.pipe(
  v.object({
    symbol,
    price: v.number(),
    volume: v.number(),
    trade_ts: time('When it was made, says the feed'),
    received_ts: v.nullable(time('When the frame came')),
    day_open: v.nullable(number('First price of the UTC day')),
    change: v.nullable(number('Against `day_open`')),
    change_percent: v.nullable(v.number()),
  }) satisfies v.GenericSchema<unknown, LatestRow>,
  v.metadata({ ref: 'Latest' }),
)

export const late = v.pipe(
  v.object({
    symbol,
    trade_ts: time('When it was made, says the feed'),
    price: v.number(),
    volume: v.number(),
    late_by_ms: number('How far event time was past it (ms)'),
    missed: text('What it is not in: `15s@<end>` for windows, `1s`, `1m`, ... for candles; comma joined'),
    entry_interval: v.pipe(
      v.picklist(['', ...INTERVALS]),
      v.description('The smallest candle it is still in; empty when there was none'),
    ),
    day: text('UTC, as in the table key'),
    ...position,
    incarnation: number('Which life of the log (unix ms of its begin)'),
  }) satisfies v.GenericSchema<unknown, LateRow>,
  v.metadata({ ref: 'Late' }),
)

export interface SymbolRow {
  symbol: string
  subscribed: boolean
  last_trade_ts: number | null
  price: number | null
}

export const symbolRow = v.pipe(
  v.object({
    symbol,
    subscribed: v.pipe(v.boolean(), v.description('Followed at the moment')),
    last_trade_ts: v.nullable(time('Its newest trade or price update; null when there was never one')),
    price: v.nullable(v.number()),
  }) satisfies v.GenericSchema<unknown, SymbolRow>,
  v.metadata({ ref: 'Symbol' }),
)

export const gap = v.pipe(
  v.object({
    symbol,
    from_ts: time('First moment without a view of the market'),
    to_ts: time('Moment after the last'),
    cause: v.pipe(
      v.string(),
      v.description('`outage`, `stall`, `eviction`, `restart`, `refused`, `overflow`, `retention`, or a newer one'),
    ),
    detail: text('What happened, in words'),
    day: text('UTC day of `from_ts`, as in the table key'),
  }) satisfies v.GenericSchema<unknown, GapRow>,
  v.metadata({ ref: 'Gap' }),
)

export const columnsOf = (row: { pipe: readonly [{ entries: object }, ...unknown[]] }): readonly string[] =>
  Object.keys(row.pipe[0].entries)
