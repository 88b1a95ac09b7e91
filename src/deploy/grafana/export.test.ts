import { expect, test } from 'bun:test'

import { asksOthers, configMaps, exportedFiles, titlesOf } from './export.ts'
import { grafanaFiles } from './files.ts'
import { channelName } from '../../grafana-channel.ts'

const NO_WISH = { source: null, symbols: null }

test('without a wish it is all there is, byte for byte', () => {
  expect(Object.fromEntries(exportedFiles(NO_WISH))).toEqual(Object.fromEntries(grafanaFiles()))
})

test('without Cassandra nothing asks it, and the market comes by HTTP', () => {
  const files = exportedFiles({ source: 'api', symbols: null })
  expect(titlesOf(files)).toEqual([
    'stockpipe: Market by HTTP',
    'stockpipe: Market live',
    'stockpipe: Pipeline',
    'stockpipe: Resources',
  ])
  expect([...files.values()].join('\n')).not.toContain('stockpipe-cassandra')
  expect(asksOthers(files)).toEqual([])
})

test('without the API nothing asks it', () => {
  const files = exportedFiles({ source: 'cassandra', symbols: null })
  expect(titlesOf(files)).not.toContain('stockpipe: Market by HTTP')
  expect([...files.values()].join('\n')).not.toContain('stockpipe-api')
  expect(asksOthers(files)).toEqual([])
})

test('the list of Market live is that of the wished symbols, and the first is chosen', () => {
  const files = exportedFiles({ source: null, symbols: ['AAPL', 'OANDA:EUR/USD'] })
  const live = JSON.parse(files.get('dashboards/market-live.json') ?? '{}')
  expect(live.templating.list[0]).toMatchObject({
    query: 'AAPL : AAPL,OANDA:EUR/USD : OANDA_EUR_USD',
    current: { text: 'AAPL', value: 'AAPL' },
  })
  expect(files.get('dashboards/market.json')).toBe(grafanaFiles().get('dashboards/market.json') ?? '')
  expect(channelName('BINANCE:BTCUSDT')).toBe('BINANCE_BTCUSDT')
})

test('one ConfigMap a file, with names of its own and labels for the sidecar', () => {
  const files = exportedFiles(NO_WISH)
  const maps = configMaps(files, 'monitoring')
  expect(maps.length).toBe(files.size)
  expect(new Set(maps.map(({ metadata }) => metadata.name)).size).toBe(maps.length)
  for (const { metadata } of maps) expect(metadata.name).toMatch(/^[a-z0-9-]+$/)
  for (const { metadata } of maps) expect(metadata.namespace).toBe('monitoring')
  const market = maps.find(({ metadata }) => metadata.name === 'stockpipe-grafana-dashboard-market')
  expect(market?.metadata.labels).toMatchObject({ grafana_dashboard: '1' })
  expect(market?.['data']).toEqual({ 'market.json': files.get('dashboards/market.json') ?? '' })
  const labelled = (label: string) =>
    maps.filter(({ metadata }) => metadata.labels?.[label] === '1').map((map) => Object.keys(map['data'] as object))
  expect(labelled('grafana_dashboard').length).toBe(maps.length - 3)
  expect([labelled('grafana_datasource'), labelled('grafana_alert')]).toEqual([
    [['stockpipe.yaml']],
    [['stockpipe.yaml']],
  ])
  expect(JSON.stringify(maps).length).toBeLessThan(1024 * 1024)
})
