/** What the market does now, asked twice a second: few small reads, each of one of the two newest partitions. */
import {
  CandleStyle,
  ColorStrategy,
  PanelBuilder as CandlestickBuilder,
  VizDisplayMode,
} from '@grafana/grafana-foundation-sdk/candlestick'
import { GraphDrawStyle, VisibilityMode } from '@grafana/grafana-foundation-sdk/common'
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'

import {
  cql,
  gapsAnnotations,
  inPartitions,
  intervalVariable,
  ofBoth,
  partitionVariables,
  symbolVariable,
} from './cql.ts'
import {
  AS_IT_IS,
  bars,
  dashboard,
  FASTEST,
  first,
  graph,
  IN_FULL,
  MERGED,
  mergedOf,
  newestFirst,
  stat,
  table,
  without,
} from './panels.ts'

const TRADES = `symbol = \${symbol:sqlstring} AND hour ${inPartitions('hours')}
  AND trade_ts >= $__timeFrom AND trade_ts <= $__timeTo`
const SECONDS = `symbol = \${symbol:sqlstring} AND interval = '1s' AND bucket ${inPartitions('hours')}
  AND open_ts >= $__timeFrom AND open_ts <= $__timeTo`
const AVERAGES = `symbol = \${symbol:sqlstring} AND day ${inPartitions('days')}
  AND window_end_ts >= $__timeFrom AND window_end_ts <= $__timeTo`
const CANDLES = `symbol = \${symbol:sqlstring} AND interval = \${interval:sqlstring} AND bucket ${inPartitions('candle_buckets')}
  AND open_ts >= $__timeFrom AND open_ts <= $__timeTo`

/** The newest first, so that a limit cuts off the oldest. */
const MOST = 1000
const MOST_CANDLES = 500
const MOST_WINDOWS = 100
const MOST_LINES = 50

export const market = (): DashboardBuilder =>
  dashboard({
    title: 'Market',
    uid: 'stockpipe-market',
    description: 'Trades, 15 s running averages and candles of one symbol, from Cassandra, twice a second',
    refresh: FASTEST,
    from: 'now-5m',
  })
    .variables([
      symbolVariable(),
      intervalVariable(['1s', '1m', '5m', '15m'], '1m'),
      ...partitionVariables('hours', "'trades'"),
      ...partitionVariables('days', "'windows'"),
      ...partitionVariables('candle_buckets', '${interval:sqlstring}'),
      ...partitionVariables('gap_days', "'gaps'"),
    ])
    .annotations(gapsAnnotations())
    .withPanel(last())
    .withPanel(price())
    .withPanel(notional())
    .withPanel(volume())
    .withPanel(average())
    .withPanel(candles())
    .withPanel(trades())

const last = () =>
  stat({ title: 'Now', at: [0, 0, 15, 4], description: 'The change is against the first trade of the day, UTC' }, [
    cql('A', 'SELECT symbol, price, change_percent, trade_ts FROM latest WHERE symbol = ${symbol:sqlstring} LIMIT 1'),
  ])
    .overrideByName('price', [{ id: 'displayName', value: 'Last price' }, AS_IT_IS])
    .overrideByName('change_percent', [
      { id: 'displayName', value: 'Today' },
      { id: 'unit', value: 'percent' },
      { id: 'decimals', value: 2 },
    ])

const price = () =>
  graph(
    { title: 'Price', at: [0, 4, 15, 10], description: `The newest ${MOST} trades, and each second's last price` },
    [
      ...ofBoth(
        'hours',
        ['A', 'C'],
        `SELECT symbol, trade_ts, price FROM trades WHERE ${TRADES} ORDER BY trade_ts DESC LIMIT ${MOST}`,
      ),
      ...ofBoth(
        'hours',
        ['B', 'D'],
        `SELECT symbol, open_ts, close FROM candles WHERE ${SECONDS} ORDER BY open_ts DESC LIMIT ${MOST}`,
      ),
    ],
  )
    .transformations([
      mergedOf('A', 'C'),
      mergedOf('B', 'D'),
      newestFirst('trade_ts'),
      newestFirst('open_ts'),
      first(MOST),
    ])
    .overrideByName('price', [
      { id: 'displayName', value: 'trade' },
      { id: 'custom.drawStyle', value: GraphDrawStyle.Points },
      { id: 'custom.showPoints', value: VisibilityMode.Always },
      { id: 'custom.pointSize', value: 4 },
    ])
    .overrideByName('close', [{ id: 'displayName', value: 'close of the second' }])

const notional = () =>
  table(
    {
      title: 'Average price × volume of the last 15 seconds',
      at: [15, 0, 9, 20],
      description: 'One row per window of 15 s; a new one begins every 5 s',
    },
    ofBoth(
      'days',
      ['A', 'B'],
      `SELECT symbol, window_end_ts, mean_notional, vwap, volume, n, final FROM running_averages_15_sec
       WHERE ${AVERAGES} ORDER BY window_end_ts DESC LIMIT ${MOST_WINDOWS}`,
    ),
  )
    .transformations([MERGED, newestFirst('window_end_ts'), first(MOST_WINDOWS)])
    .overrideByRegexp('/^(?:mean_notional|vwap|volume)$/', [IN_FULL])

const volume = () =>
  bars(
    { title: 'Volume per second', at: [0, 14, 15, 6] },
    ofBoth(
      'hours',
      ['A', 'B'],
      `SELECT symbol, open_ts, volume FROM candles WHERE ${SECONDS} ORDER BY open_ts DESC LIMIT ${MOST}`,
    ),
  ).transformations([MERGED, newestFirst('open_ts'), first(MOST)])

const average = () =>
  graph(
    { title: '15 s running average', at: [0, 20, 15, 8], description: 'Weighted by volume (vwap), and not' },
    ofBoth(
      'days',
      ['A', 'B'],
      `SELECT symbol, window_end_ts, vwap, mean_price FROM running_averages_15_sec
       WHERE ${AVERAGES} ORDER BY window_end_ts DESC LIMIT ${MOST}`,
    ),
  ).transformations([MERGED, newestFirst('window_end_ts'), first(MOST)])

const candles = () =>
  new CandlestickBuilder()
    .title('Candles of ${interval}')
    .gridPos({ x: 0, y: 28, w: 15, h: 12 })
    .timeFrom('2h')
    .mode(VizDisplayMode.CandlesVolume)
    .candleStyle(CandleStyle.Candles)
    .colorStrategy(ColorStrategy.OpenClose)
    .targets(
      ofBoth(
        'candle_buckets',
        ['A', 'B'],
        `SELECT symbol, open_ts AS time, open, high, low, close, volume FROM candles
         WHERE ${CANDLES} ORDER BY open_ts DESC LIMIT ${MOST_CANDLES}`,
      ),
    )
    .transformations([MERGED, newestFirst('time'), first(MOST_CANDLES)])

/** The last part of the key, without which equal trades of a millisecond would be merged into one. */
const KEY = ['log_partition', 'log_offset', 'log_index'] as const

const trades = () =>
  table(
    { title: 'Trades', at: [15, 20, 9, 20] },
    ofBoth(
      'hours',
      ['A', 'B'],
      `SELECT symbol, trade_ts, price, volume, conditions, flags, received_ts, ${KEY.join(', ')} FROM trades
       WHERE ${TRADES} ORDER BY trade_ts DESC LIMIT ${MOST_LINES}`,
    ),
  )
    .transformations([MERGED, newestFirst('trade_ts'), first(MOST_LINES), without(KEY)])
    .overrideByRegexp('/^(?:price|volume)$/', [AS_IT_IS])
