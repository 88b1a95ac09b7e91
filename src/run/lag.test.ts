import { expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { PipelineStats } from '../stats.ts'
import { encodeTriple } from '../stream/triple.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'
import { type LagSource, totalLag, watchLag } from './lag.ts'

const { metadata } = encodeTriple(
  {
    low: 10,
    watermark: null,
    processed: 39,
    identity: { timestamp: 1, session: null, seq: null },
    incarnation: 1,
    sessions: [],
    from: null,
  },
  'any',
)

function source(told: Readonly<Record<number, number>>, more: Partial<LagSource> = {}): LagSource {
  const clock = manualClock(1_000)
  return {
    broker: {
      bounds: async () => [
        { start: 0, end: 100 },
        { start: 20, end: 100 },
      ],
    },
    topic: 'market',
    positions: { of: (partition) => told[partition] ?? null },
    commits: async () => [{ offset: 10, metadata }, null],
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health() },
    stats: new PipelineStats(clock),
    ...more,
  }
}

test('the lag is what no processor has processed, by what they tell', async () => {
  expect(await totalLag(source({ 0: 95, 1: 100 }))).toBe(5)
})

test('of a partition that nobody told about what was committed counts, or all of it', async () => {
  expect(await totalLag(source({ 1: 100 }))).toBe(60)
  expect(await totalLag(source({ 0: 100 }))).toBe(80)
})

test('while the log does not answer the lag is not known, and no former figure is shown', async () => {
  let isAway = false
  const bounds = async () => {
    if (isAway) throw new StockpipeError('unreachable', 'nobody answers', { retryable: true })
    return [{ start: 0, end: 7 }]
  }
  const lag = source({ 0: 0 }, { broker: { bounds } })
  const stop = new AbortController()
  const done = watchLag(lag, stop.signal)
  const shown = async () => ({
    json: lag.stats.snapshot().lag_records,
    metric: (await lag.context.metrics.pipelineLag.get()).values.map(({ value }) => value),
  })
  await Bun.sleep(0)
  expect(await shown()).toEqual({ json: 7, metric: [7] })
  isAway = true
  ;(lag.context.clock as ReturnType<typeof manualClock>).advance(2_000)
  await Bun.sleep(0)
  expect(await shown()).toEqual({ json: null, metric: [] })
  stop.abort()
  await done
})
