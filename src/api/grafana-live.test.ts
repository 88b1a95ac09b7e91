import { expect, test } from 'bun:test'

import { canary } from '../../test/canary.ts'
import { until } from '../../test/until.ts'
import { manualClock, systemClock } from '../clock.ts'
import { localLive } from '../stream/live.ts'
import { createMetrics, type Fields, Health } from '../telemetry.ts'
import type { Entry, Stamped, WindowRow } from '../trade.ts'
import { grafana } from './grafana-live.fixture.ts'
import { pushToGrafana } from './grafana-live.ts'
import { Points } from './live-points.ts'

const TOKEN = canary('grafana-live')

const entry = (p: number, v: number, t: number): Entry => ({ c: null, p, s: 'A:B', t, v })
const batch = (entries: Entry[], symbol = 'A:B', skip: number[] = []) => ({
  symbol,
  partition: 0,
  offset: 0,
  received: null,
  ingested: 0,
  entries,
  skip: skip.length > 0 ? new Set(skip) : null,
  future: null,
})
const average = (vwap: number, end = 15_000, final = false, symbol = 'A:B'): Stamped<WindowRow> => ({
  symbol,
  day: '2026-01-01',
  window_end_ts: end,
  window_start_ts: end - 15_000,
  vwap,
  mean_price: vwap,
  mean_notional: vwap,
  open: 1,
  high: 1,
  low: 1,
  close: 1,
  volume: 1,
  n: 1,
  final,
  closed_by: 'open',
  revision: 0,
  stamp: 0,
})
const none = { candles: [], latest: [] }

function pushing(url: string, token: string | null = TOKEN) {
  const live = localLive()
  const lines: [event: string, fields: Fields | undefined][] = []
  const note = (event: string, fields?: Fields) => void lines.push([event, fields])
  const log = { debug: note, info: note, warn: note, error: note }
  // The trades of these tests are of 1970, and just now.
  const context = { clock: { ...systemClock, now: () => 10_000 }, log, metrics: createMetrics(), health: new Health() }
  const stop = new AbortController()
  const done = pushToGrafana({ url, token, live, context }, stop.signal)
  return {
    live,
    lines,
    context,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await done
    },
  }
}

test('each symbol is one point a push: last price, volume since the last one, running average, always these', async () => {
  await using server = grafana()
  await using push = pushing(server.url)
  push.live.publish({ trades: [batch([entry(10, 1, 1_000), entry(11, 2, 2_000)])], windows: [average(10.5)], ...none })
  push.live.publish({ trades: [batch([entry(12, 4, 3_000)])], windows: [average(11), average(12, 20_000)], ...none })
  await until(
    () => server.got,
    (got) => got.length > 0,
  )
  expect(server.got).toEqual([{ channel: 'A_B', price: 12, volume: 7, vwap: 11, ns: '3000000000' }])
  expect(server.headers[0]).toBe(`Bearer ${TOKEN}`)
})

test('a Grafana that is away or refuses is told once, costs no volume, and gets all when it is back', async () => {
  let status = 401
  await using server = grafana(() => new Response('', { status }))
  await using push = pushing(server.url)
  for (const v of [1, 2, 3])
    push.live.publish({ trades: [batch([entry(10, v, v * 1_000)])], windows: [average(10)], ...none })
  await until(
    () => server.headers,
    (seen) => seen.length >= 2,
  )
  push.live.publish({ trades: [batch([entry(20, 4, 4_000)])], windows: [average(10)], ...none })
  status = 200
  await until(
    () => server.got,
    (got) => got.length > 0,
  )
  expect(server.got).toMatchObject([{ price: 20, volume: 10 }])
  await until(
    () => push.lines,
    (lines) => lines.length >= 2,
  )
  expect(push.lines.map(([event]) => event)).toEqual(['grafana_live.failing', 'grafana_live.recovered'])
  expect(push.lines[0]?.[1]).toMatchObject({ try: 'give the token of a service account: --grafana-live-token-file' })
  expect(JSON.stringify(push.lines)).not.toContain(TOKEN)
  // The pipeline is well without it.
  expect(push.context.health.isReady).toBe(true)
})

test('a slow Grafana holds up nobody, and what comes meanwhile stays one point per symbol', async () => {
  const { promise, resolve } = Promise.withResolvers<Response>()
  await using server = grafana(() => promise)
  await using push = pushing(server.url, null)
  for (let index = 1; index <= 10_000; index++)
    push.live.publish({
      trades: [batch([entry(index, 1, index)], `S:${index % 3}`)],
      windows: [average(1, 15_000, false, `S:${index % 3}`)],
      ...none,
    })
  resolve(new Response())
  const sum = () => server.got.reduce((total, { volume }) => total + volume, 0)
  await until(sum, (total) => total === 10_000)
  expect(server.got.length).toBeLessThanOrEqual(6)
})

test('a symbol without an average waits; an average that is final, or of a window that ends later, does not count', () => {
  const points = new Points(manualClock(60_000))
  points.take({ trades: [batch([entry(1, 1, 1_000)])], windows: [average(9, 10_000, true)], ...none })
  expect(points.drain().size).toBe(0)
  points.take({ trades: [], windows: [average(3, 20_000), average(2, 15_000), average(4, 25_000)], ...none })
  expect(points.lines(points.drain())).toBe('A_B price=1,volume=1,vwap=2 1000000000\n')
})

test('what is older than a minute is history, and is not shown as if it happened now', () => {
  const points = new Points(manualClock(90_000))
  points.take({ trades: [batch([entry(1, 100, 29_999), entry(2, 1, 30_000)])], windows: [average(1)], ...none })
  expect(points.lines(points.drain())).toBe('A_B price=2,volume=1,vwap=1 30000000000\n')
  points.take({ trades: [batch([entry(1, 100, 1_000)])], windows: [average(1)], ...none })
  expect(points.drain().size).toBe(0)
})

test('what is no trade is left out; time never goes back', () => {
  const points = new Points(manualClock(60_000))
  points.take({
    trades: [batch([entry(1, 1, 5_000), entry(2, 8, 6_000), entry(3, 2, 4_000)], 'A:B', [1])],
    windows: [average(1)],
    ...none,
  })
  expect(points.lines(points.drain())).toBe('A_B price=1,volume=3,vwap=1 5000000000\n')
  points.take({ trades: [batch([entry(7, 1, 4_500)])], windows: [], ...none })
  expect(points.lines(points.drain())).toBe('A_B price=7,volume=1,vwap=1 5001000000\n')
})
