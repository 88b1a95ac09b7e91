import { expect, test } from 'bun:test'

import { Observer } from './observer.ts'
import { noRows } from './store.ts'
import { manualClock } from '../clock.ts'
import { type Stretch } from '../latency.ts'
import { PipelineStats } from '../stats.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'
import type { TradeBatch } from '../trade.ts'

const T = 1_700_000_000_000

/** A trade of T, received, in the log and stored so many ms later. */
function observed(
  { received, ingested, stored }: Record<'received' | 'ingested' | 'stored', number>,
  isReplay = false,
) {
  const clock = manualClock(T + stored)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const stats = new PipelineStats(clock)
  const batch: TradeBatch = {
    symbol: 'A',
    partition: 3,
    offset: 1,
    received: T + received,
    ingested: T + ingested,
    entries: [{ s: 'A', t: T, p: 1, v: 1, c: null }],
    skip: null,
    future: null,
  }
  new Observer(context, stats, () => isReplay).written({ ...noRows(), trades: [batch] })
  const p50 = (stretch: Stretch) => stats.latency.quantiles(stretch).p50
  return { context, stats, p50 }
}

test('of a trade that is stored each hop is known, and their sum', async () => {
  const { context, stats, p50 } = observed({ received: 3, ingested: 5, stored: 9 })
  expect([p50('exchange_receive'), p50('receive_broker'), p50('broker_store'), p50('receive_store')]).toEqual([
    3, 2, 4, 6,
  ])
  expect(stats.latency.of(3)).toMatchObject({ broker_store: { 4: 1 } })
  expect(stats.snapshot()).toMatchObject({ latency_p50_ms: 6, latency_p99_ms: 6 })
  const metrics = await context.metrics.registry.metrics()
  for (const [hop, sum] of [
    ['exchange_receive', 0.003],
    ['receive_broker', 0.002],
    ['broker_store', 0.004],
  ])
    expect(metrics).toContain(`stockpipe_hop_duration_seconds_sum{hop="${hop}"} ${sum}\n`)
})

test('trades that are old when they come are history, and of a recording only the store is ours', () => {
  const history = observed({ received: 61_000, ingested: 61_002, stored: 61_004 })
  expect([history.p50('exchange_receive'), history.p50('receive_broker')]).toEqual([null, 2])
  expect(history.p50('history')).toBeGreaterThan(60_000)
  const replay = observed({ received: 3, ingested: 9_000_000, stored: 9_000_004 }, true)
  expect([replay.p50('exchange_receive'), replay.p50('receive_broker'), replay.p50('receive_store')]).toEqual(
    Array(3).fill(null),
  )
  expect(replay.p50('broker_store')).toBe(4)
})

test('what waited on disk for the log is told of the log', () => {
  expect(observed({ received: 3, ingested: 90_000, stored: 90_004 }).p50('receive_broker')).toBeGreaterThan(89_000)
})

test('a hop that takes less than nothing counts as none in the metric, and shows that clocks differ', async () => {
  const { context, p50 } = observed({ received: -700, ingested: 2, stored: 4 })
  expect(p50('exchange_receive')).toBeLessThan(-500)
  expect(await context.metrics.registry.metrics()).toContain(
    'stockpipe_hop_duration_seconds_sum{hop="exchange_receive"} 0\n',
  )
})
