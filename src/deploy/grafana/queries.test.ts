import { describe, expect, test } from 'bun:test'

import { answersOf } from './answers.ts'
import type { Dashboard } from './dashboard.ts'
import { DASHBOARDS } from './files.ts'
import { durationMs, expandCql, interpolate } from './interpolate.ts'
import { cqlOf, dashboardQueries, type DashboardQuery, resolveVariables } from './queries.ts'

const TO = Date.UTC(2026, 10, 28, 0, 2)
const RANGE = { from: TO - 300_000, to: TO }
const MARKET = DASHBOARDS['market'] as Dashboard

const asked: DashboardQuery[] = []
const ask = async (query: DashboardQuery): Promise<string[]> => {
  asked.push(query)
  if (query.name.endsWith('symbol')) return ["O'X", 'AAPL']
  return query.name.includes('variable earlier_') ? ['2026-11-27T23'] : ['2026-11-28T00']
}

describe('values in place of names', () => {
  const values = { symbol: "O'X", hours: ['a', "b'c"], none: [] }

  test.each([
    ['${symbol}', "O'X"],
    ['${symbol:sqlstring}', "'O''X'"],
    ['IN (${hours:sqlstring})', "IN ('a','b''c')"],
    ['IN (${none:sqlstring})', 'IN ()'],
    ['${hours}', "{a,b'c}"],
    ['${hours:csv}', "a,b'c"],
    ['${symbol:percentencode}', "O'X"],
    ['${__from}', String(RANGE.from)],
    ['${__to:date:iso}', '2026-11-28T00:02:00.000Z'],
    ['${__from:date}', '2026-11-27T23:57:00.000Z'],
    ['$__timeFrom is for the plugin', '$__timeFrom is for the plugin'],
  ])('%s', (text, expected) => {
    expect(interpolate(text, values, RANGE)).toBe(expected)
  })

  test.each(['${nobody}', '${symbol:lucene}', '${__from:date:YYYY-MM-DD}'])('%s is refused', (text) => {
    expect(() => interpolate(text, values, RANGE)).toThrow()
  })

  test('the plugin puts in times as numbers', () => {
    expect(expandCql('$__timeFrom $__timeTo $__unixEpochFrom $__unixEpochTo', { from: 1999, to: 3001 })).toBe(
      '1999 3001 1 3',
    )
  })

  test('durations', () => {
    expect(['30s', '5m', '2h', '1d'].map(durationMs)).toEqual([30_000, 300_000, 7_200_000, 86_400_000])
    expect(() => durationMs('5 min')).toThrow()
  })
})

test('variables are asked in their order, and each sees those before it', async () => {
  asked.length = 0
  const values = await resolveVariables(MARKET, RANGE, ask)
  expect(values).toEqual({
    symbol: 'AAPL',
    interval: '1m',
    hours: ['2026-11-28T00'],
    earlier_hours: ['2026-11-27T23'],
    days: ['2026-11-28T00'],
    earlier_days: ['2026-11-27T23'],
    candle_buckets: ['2026-11-28T00'],
    earlier_candle_buckets: ['2026-11-27T23'],
    gap_days: ['2026-11-28T00'],
    earlier_gap_days: ['2026-11-27T23'],
  })
  const cqlFor = (name: string) => cqlOf(asked.find((one) => one.name.endsWith(` ${name}`))?.request ?? NONE)
  const rows = "SELECT item FROM contents WHERE kind = '1m' AND symbol = 'AAPL' AND item"
  expect(cqlFor('candle_buckets')).toBe(`${rows} <= '2026-11-28T00:02:00.000Z' ORDER BY item DESC LIMIT 1`)
  expect(cqlFor('earlier_candle_buckets')).toBe(`${rows} < '2026-11-28T00' ORDER BY item DESC LIMIT 1`)
})
const NONE = { from: '', to: '', queries: [] }

test('a range that begins before a full hour is asked of both hours, within the same bounds', async () => {
  const values = await resolveVariables(MARKET, RANGE, ask)
  const cqls = dashboardQueries(MARKET, values, RANGE).flatMap(({ name, request }) =>
    name.includes(' / Trades ') ? [expandCql(cqlOf(request) ?? '', RANGE)] : [],
  )
  const ofHour = (hour: string) =>
    expect.stringContaining(
      ` WHERE symbol = 'AAPL' AND hour IN ('${hour}') AND trade_ts >= ${RANGE.from} AND trade_ts <= ${RANGE.to} ORDER BY`,
    )
  expect(cqls).toEqual([ofHour('2026-11-28T00'), ofHour('2026-11-27T23')])
})

test('where there is no partition, none is before it: the questions are still CQL, and ask nothing', async () => {
  asked.length = 0
  const values = await resolveVariables(MARKET, RANGE, async (query) => {
    asked.push(query)
    return query.name.endsWith('symbol') ? ['AAPL'] : []
  })
  const before = asked.find(({ name }) => name.endsWith('earlier_hours'))
  expect(cqlOf(before?.request ?? NONE)).toContain(" AND item < '' ORDER BY")
  const trades = dashboardQueries(MARKET, values, RANGE).filter(({ name }) => name.includes(' / Trades '))
  for (const { request } of trades) expect(cqlOf(request)).toContain(' AND hour IN () AND ')
})

test('a market without symbols asks for none, and still asks all', async () => {
  const values = await resolveVariables(MARKET, RANGE, async () => [])
  expect(values).toMatchObject({ symbol: '', hours: [] })
  expect(dashboardQueries(MARKET, values, RANGE).length).toBeGreaterThan(7)
})

test('every target becomes a request, with names and range filled in; pushed ones cannot be asked', async () => {
  const values = await resolveVariables(MARKET, RANGE, ask)
  const queries = dashboardQueries(MARKET, values, RANGE)
  expect(queries.map(({ name }) => name)).toContain('stockpipe: Market / Candles of 1m A')
  for (const { request } of queries) expect(JSON.stringify(request)).not.toContain('${')
  const [trades, candles] = ['Trades A', 'Candles of 1m A'].map((name) =>
    queries.find((one) => one.name.endsWith(name)),
  )
  expect(trades?.request).toMatchObject({ from: String(RANGE.from), to: String(RANGE.to) })
  expect(candles?.request).toMatchObject({ from: String(TO - 7_200_000), to: String(TO) })
  expect(trades?.request.queries).toMatchObject([
    { refId: 'A', datasource: { uid: 'stockpipe-cassandra' }, queryType: 'query', rawQuery: true, maxDataPoints: 500 },
  ])
  const live = DASHBOARDS['market-live'] as Dashboard
  expect(dashboardQueries(live, await resolveVariables(live, RANGE, ask), RANGE)).toEqual([])
})

test('what a dashboard of Prometheus asks has no CQL', async () => {
  const resources = DASHBOARDS['resources'] as Dashboard
  const queries = dashboardQueries(resources, {}, RANGE)
  expect(queries.length).toBeGreaterThan(10)
  expect(queries.map(({ request }) => cqlOf(request)).filter((cql) => cql !== null)).toEqual([])
})

describe("Grafana's answers", () => {
  test('rows, the first column and the error of each query', () => {
    const frame = (...values: unknown[][]) => ({ schema: { fields: [] }, data: { values } })
    const results = {
      A: { status: 200, frames: [frame(['AAPL', 'AAPL'], [1, 2]), frame(['X'], [3])] },
      B: { status: 500, error: 'p.ExecQuery: no such table' },
      C: { status: 200, frames: [] },
    }
    expect(answersOf({ results })).toEqual([
      { refId: 'A', error: null, rows: 3, first: ['AAPL', 'AAPL', 'X'] },
      { refId: 'B', error: 'p.ExecQuery: no such table', rows: 0, first: [] },
      { refId: 'C', error: null, rows: 0, first: [] },
    ])
  })

  test('anything else is no answer', () => {
    expect(() => answersOf({ message: 'Unauthorized' })).toThrow('Unauthorized')
    expect(() => answersOf(null)).toThrow()
  })
})
