import { expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { createLog, createMetrics, Health } from '../telemetry.ts'
import { FeedClock } from './feed-clock.ts'

test("a feed's clock that is off is told once per change, is a warning and no trouble, and is a metric", async () => {
  const clock = manualClock(1)
  const events: unknown[] = []
  const write = (line: string) => events.push((JSON.parse(line) as { event: unknown }).event)
  const context = {
    clock,
    log: createLog({ level: 'info', format: 'json', clock, write }),
    metrics: createMetrics(),
    health: new Health(),
  }
  const told: unknown[] = []
  const feedClock = new FeedClock(context, (offset, doubt) => told.push([offset, doubt?.off_ms ?? null]))
  const warnings = () => context.health.report().map(({ reason }) => reason)
  for (const offset of [0, 1_999, -5_000, -5_001]) feedClock.see(offset)
  expect(warnings()).toEqual(["the feed's clock is 5 s behind this machine's; set this machine's clock (NTP)"])
  expect(await context.metrics.registry.metrics()).toContain('stockpipe_clock_offset_seconds -5.001\n')
  expect(context.health.isReady).toBe(true)
  feedClock.see(-1_500)
  expect(warnings()).toHaveLength(1)
  feedClock.see(900)
  expect(warnings()).toEqual([])
  feedClock.see(2_000)
  expect(events).toEqual(['feed.clock_off', 'feed.clock_fine', 'feed.clock_off'])
  expect(told.slice(-3)).toEqual([
    [-1_500, 1_500],
    [900, null],
    [2_000, 2_000],
  ])
})
