import { expect, test } from 'bun:test'

import { encodeValue } from './codec.ts'
import { LateShare } from './late-share.ts'
import { Partition } from './partition.ts'
import { manualClock } from '../clock.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

function watched() {
  const clock = manualClock(1_000_000)
  const lines: { event: string; symbol: unknown; late: unknown; mostLateMs: unknown }[] = []
  const write = (event: string, { symbol, late, mostLateMs }: Record<string, unknown> = {}) =>
    lines.push({ event, symbol, late, mostLateMs })
  const metrics = createMetrics()
  const lateShare = new LateShare({
    clock,
    metrics,
    health: new Health(),
    log: { ...silentLog, warn: write, info: write },
  })
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
  return { tenSeconds, lines, metrics }
}

test('a venue that is behind the others of its partition is told once, and again when it is punctual', async () => {
  const { tenSeconds, lines, metrics } = watched()
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
  const shares = (await metrics.lateShare.get()).values.map(({ labels, value }) => `${labels.symbol} ${value}`)
  expect(shares).toEqual(['A 0', 'B 1'])
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
