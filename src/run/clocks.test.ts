import { expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { type Hop, Latencies } from '../latency.ts'
import { createLog, createMetrics, Health } from '../telemetry.ts'
import { ClockWatch } from './clocks.ts'

function watched({ hasFeed = false } = {}) {
  const clock = manualClock(1_700_000_000_000)
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', clock, write: (line) => lines.push(line) })
  const context = { clock, log, metrics: createMetrics(), health: new Health() }
  const latencies = new Latencies(clock)
  const watch = new ClockWatch(latencies, context, { hasFeed })
  const after = (hop: Hop, ms: number, samples = 20) => {
    clock.advance(10_000)
    for (let count = 0; count < samples; count++) latencies.add(hop, ms)
    watch.look()
    return watch.doubts.length
  }
  const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event)
  return { context, watch, after, events }
}

test('clocks that cannot both be right are told once, with what to do, and once more when they agree', async () => {
  const { context, watch, after, events } = watched()
  expect([after('store_serve', 3), after('store_serve', -400), after('store_serve', -420)]).toEqual([0, 1, 1])
  expect(watch.doubts[0]?.why).toMatch(/^the processor's clock is 0\.\d s ahead of this api's$/)
  const [reported] = context.health.report()
  expect(reported).toMatchObject({ component: 'clocks', ready: true, reason: expect.stringContaining('NTP') })
  expect(context.health.isReady).toBe(true)
  expect(await context.metrics.registry.metrics()).toMatch(
    /^stockpipe_clock_skew_seconds\{hop="store_serve"\} 0\.[34]/m,
  )
  expect(after('store_serve', -200)).toBe(1)
  expect([after('store_serve', 5), after('store_serve', 5)]).toEqual([0, 0])
  expect(events()).toEqual(['clocks.differ', 'clocks.agree'])
  expect(context.health.report()).toEqual([])
  expect(await context.metrics.registry.metrics()).toContain('stockpipe_clock_skew_seconds{hop="store_serve"} 0\n')
})

test('a few trades prove nothing, and the clock of an exchange may be off a little', () => {
  const { after } = watched()
  expect(after('broker_store', -5_000, 19)).toBe(0)
  expect(after('exchange_receive', -1_500)).toBe(0)
  expect(after('exchange_receive', -3_000)).toBe(1)
})

test("the producer itself looks after the feed's clock", () => {
  expect(watched({ hasFeed: true }).after('exchange_receive', -3_000)).toBe(0)
})
