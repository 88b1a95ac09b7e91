import { expect, test } from 'bun:test'

import { encodeValue } from './codec.ts'
import { LateShare } from './late-share.ts'
import { Observer } from './observer.ts'
import { Partition } from './partition.ts'
import { manualClock } from '../clock.ts'
import { PipelineStats } from '../stats.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

function watched() {
  const clock = manualClock(1_000_000)
  const lines: { event: string; symbol: unknown; late: unknown; mostLateMs: unknown }[] = []
  const write = (event: string, { symbol, late, mostLateMs }: Record<string, unknown> = {}) =>
    lines.push({ event, symbol, late, mostLateMs })
  const metrics = createMetrics()
  const context = { clock, metrics, health: new Health(), log: { ...silentLog, warn: write, info: write } }
  const lateShare = new LateShare(context)
  const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
  let offset = 0
  /** 10 s of the market; the venue of B is `delay` ms behind. */
  const tenSeconds = (delay: number, trades = 200) => {
    for (let n = 0; n < trades; n++) {
      const t = clock.now() + Math.floor((n * 10_000) / trades)
      const entries = [
        { c: null, p: 1, s: 'A', t: t, v: 1 },
        { c: null, p: 1, s: 'B', t: t - delay, v: 1 },
      ]
      const record = { offset: offset++, timestamp: t, key: null, value: encodeValue(entries, 'raw'), headers: {} }
      partition.fold({ records: [record], end: offset, startedAt: t, endedAt: t })
    }
    clock.advance(10_000)
    lateShare.look(partition)
  }
  const share = async () => (await metrics.lateShare.get()).values.map(({ labels, value }) => ({ ...labels, value }))
  const leave = () => new Observer(context, new PipelineStats(clock)).left(partition)
  return { tenSeconds, lines, share, leave }
}

test('a venue that is behind the others of its partition is told once, and again when it is punctual', () => {
  const { tenSeconds, lines } = watched()
  tenSeconds(0)
  tenSeconds(10_000)
  expect(lines).toEqual([])
  tenSeconds(20_000)
  tenSeconds(20_000)
  expect(lines).toEqual([
    { event: 'trades.late', symbol: 'B', late: expect.any(Number), mostLateMs: expect.any(Number) },
  ])
  expect(lines[0]?.late).toBeGreaterThan(190)
  expect(lines[0]?.mostLateMs).toBe(5_000)
  tenSeconds(0)
  expect(lines.slice(1).map(({ event }) => event)).toEqual(['trades.punctual'])
})

test('fewer than a hundred trades are judged together with those of the next looks', () => {
  const { tenSeconds, lines } = watched()
  tenSeconds(0)
  tenSeconds(20_000, 60)
  expect(lines).toEqual([])
  tenSeconds(20_000, 60)
  expect(lines.map(({ event, late }) => ({ event, late }))).toEqual([{ event: 'trades.late', late: 120 }])
})

test('the share is that of the worst symbol of a partition, as long as the partition is ours', async () => {
  const { tenSeconds, share, leave } = watched()
  tenSeconds(0, 50)
  // Nothing is known yet.
  expect(await share()).toEqual([])
  tenSeconds(0)
  expect(await share()).toEqual([{ partition: '0', value: 0 }])
  tenSeconds(20_000)
  expect(await share()).toEqual([{ partition: '0', value: 1 }])
  tenSeconds(0)
  expect(await share()).toEqual([{ partition: '0', value: 0 }])
  tenSeconds(20_000)
  expect(await share()).toEqual([{ partition: '0', value: 1 }])
  // It sleeps, as at night; the others go on.
  for (let seconds = 0; seconds <= 600; seconds += 10) tenSeconds(0, 0)
  expect(await share()).toEqual([{ partition: '0', value: 0 }])
  leave()
  expect(await share()).toEqual([])
})
