/** The dashboard Market without Cassandra: for a pipeline on its own disk, or should the plugin ever fail. */
import { PanelBuilder as CandlestickBuilder, VizDisplayMode } from '@grafana/grafana-foundation-sdk/candlestick'
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'

import { intervalVariable } from './cql.ts'
import { type Fields, http, symbolsByHttp } from './http-api.ts'
import { AS_IT_IS, bars, dashboard, graph, IN_FULL, stat, table } from './panels.ts'

const MOST = 1000

/** The newest first. The answer of the API to a symbol that it does not know is an error, and shown as one. */
const rows = (noun: string, most: number, fields: Fields, more = '') =>
  http(
    'A',
    `/v1/${noun}?symbol=\${symbol:percentencode}&from=\${__from}&to=\${__to}&order=desc&limit=${most}${more}`,
    fields,
  )

export const marketApi = (): DashboardBuilder =>
  dashboard({
    title: 'Market by HTTP',
    uid: 'stockpipe-market-api',
    description: 'The same as Market, from the HTTP API instead of Cassandra, every second',
    refresh: '1s',
    from: 'now-5m',
  })
    .withVariable(symbolsByHttp())
    .withVariable(intervalVariable(['1s', '1m', '5m', '15m'], '1m'))
    .withPanel(
      stat({ title: 'Now', at: [0, 0, 15, 4] }, [
        http('A', '/v1/latest?symbol=${symbol:percentencode}', { price: 'number', change_percent: 'number' }),
      ])
        .overrideByName('price', [AS_IT_IS])
        .overrideByName('change_percent', [
          { id: 'unit', value: 'percent' },
          { id: 'decimals', value: 2 },
        ]),
    )
    .withPanel(
      graph({ title: 'Price', at: [0, 4, 15, 10] }, [rows('trades', MOST, { trade_ts: 'time', price: 'number' })]),
    )
    .withPanel(
      table({ title: 'Average price × volume of the last 15 seconds', at: [15, 0, 9, 20] }, [
        rows('windows', 100, { window_end_ts: 'time', mean_notional: 'number', vwap: 'number', n: 'number' }),
      ]).overrideByRegexp('/^(?:mean_notional|vwap)$/', [IN_FULL]),
    )
    .withPanel(
      bars({ title: 'Volume per second', at: [0, 14, 15, 6] }, [
        rows('candles', MOST, { open_ts: 'time', volume: 'number' }, '&interval=1s'),
      ]),
    )
    .withPanel(
      graph({ title: '15 s running average', at: [0, 20, 15, 8] }, [
        rows('windows', MOST, { window_end_ts: 'time', vwap: 'number', mean_price: 'number' }),
      ]),
    )
    .withPanel(
      table({ title: 'Trades', at: [15, 20, 9, 20] }, [
        rows('trades', 50, { trade_ts: 'time', price: 'number', volume: 'number', conditions: 'text' }),
      ]).overrideByRegexp('/^(?:price|volume)$/', [AS_IT_IS]),
    )
    .withPanel(candles())

const candles = () =>
  new CandlestickBuilder()
    .title('Candles of ${interval}')
    .gridPos({ x: 0, y: 28, w: 15, h: 12 })
    .timeFrom('2h')
    .mode(VizDisplayMode.CandlesVolume)
    .withTarget(
      rows(
        'candles',
        500,
        { open_ts: 'time', open: 'number', high: 'number', low: 'number', close: 'number', volume: 'number' },
        '&interval=${interval:percentencode}',
      ),
    )
