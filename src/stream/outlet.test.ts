import { expect, test } from 'bun:test'

import { memoryStore } from '../../test/memory.ts'
import type { Batch } from './broker.ts'
import { localLive } from './live.ts'
import { Observer } from './observer.ts'
import { Outlet, type ProcessorOptions } from './outlet.ts'
import { Partition } from './partition.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { PipelineStats } from '../stats.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'
import { encodeValue } from './codec.ts'

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
const T = 1_700_000_000_000

const recordOf = (symbol: string) => ({
  offset: 0,
  timestamp: T,
  key: symbol,
  value: encodeValue([{ c: null, p: 1, s: symbol, t: T, v: 1 }], 'raw'),
  headers: { framing: 'raw' },
})

test('what waits for the store lags, for as long as it waits', async () => {
  const clock = manualClock(T)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const stored = Promise.withResolvers<void>()
  const store = { ...memoryStore().store, write: () => stored.promise }
  const options = { store, live: localLive(), context, topic: 'market' } as unknown as ProcessorOptions
  const stats = new PipelineStats(clock)
  const observer = new Observer(context, stats)
  const outlet = new Outlet(options, observer)
  const lag = async () =>
    /^stockpipe_consumer_lag_seconds\{partition="0"\} (\S+)$/m.exec(await context.metrics.registry.metrics())?.[1]
  const records = async () => [
    stats.snapshot().lag_records,
    ...(await context.metrics.lagRecords.get()).values.map(({ value }) => value),
  ]
  const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
  const batch = { records: [recordOf('A')], end: 1, startedAt: T, endedAt: T }
  const { signal } = new AbortController()
  const way = outlet.way(signal, signal)
  outlet.observe(partition, batch, partition.fold(batch))
  const writing = outlet.write(partition, partition.take({ flush: true }), way)
  for (const seconds of [40, 80]) {
    clock.set(T + seconds * 1_000)
    expect(await lag()).toBe(String(seconds))
  }
  // It reads nothing meanwhile.
  expect(await records()).toEqual([0, 0])
  observer.logHolds([{ start: 0, end: 500 }])
  expect(await records()).toEqual([499, 499])
  stored.resolve()
  await writing
  expect(await lag()).toBe('0')
  outlet.observe(partition, { ...batch, records: [], end: 501 }, partition.fold({ ...batch, records: [], end: 501 }))
  // What is told of the log is older than what it read there.
  observer.logHolds([{ start: 0, end: 500 }])
  expect(await records()).toEqual([500, 500])
  outlet.left(partition)
  expect(await lag()).toBeUndefined()
  observer.logHolds([{ start: 0, end: 900 }])
  expect(await records()).toEqual([0])
})

test('who notices late that a partition was taken does not end what is told of it since it came back', async () => {
  const clock = manualClock(T)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const observer = new Observer(context, new PipelineStats(clock))
  const [before, since] = [1, 2].map(
    (incarnation) => new Partition(WINDOWS, { partition: 0, incarnation, truncated: false, committed: null }),
  ) as [Partition, Partition]
  const batch = { records: [recordOf('A')], end: 9, startedAt: T, endedAt: T }
  for (const partition of [before, since]) observer.folded(partition, batch, partition.fold(batch))
  const told = async () => (await context.metrics.registry.metrics()).match(/^stockpipe_\w*lag\w*\{partition="0"\}/gm)
  const all = await told()
  expect(all).toHaveLength(3)
  observer.left(before)
  expect(await told()).toEqual(all)
  observer.left(since)
  expect(await told()).toBeNull()
})

test("the watermark lags while nothing comes, for the clock goes on, until the partition is somebody else's", async () => {
  const clock = manualClock(T)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const observer = new Observer(context, new PipelineStats(clock))
  const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
  const lag = async () =>
    /^stockpipe_watermark_lag_seconds\{partition="0"\} (\S+)$/m.exec(await context.metrics.registry.metrics())?.[1]
  const fold = (records: Batch['records'], end: number) => {
    const batch = { records, end, startedAt: T, endedAt: T }
    observer.folded(partition, batch, partition.fold(batch))
  }
  fold([], 0)
  // There is none before the first trade.
  expect(await lag()).toBeUndefined()
  fold([recordOf('A')], 1)
  expect(await lag()).toBe('15')
  clock.advance(600_000)
  expect(await lag()).toBe('615')
  fold([], 1)
  expect(await lag()).toBe('615')
  observer.left(partition)
  expect(await lag()).toBeUndefined()
})

test('who waited for the store writes nothing more once the partition is not its own', async () => {
  const clock = manualClock(T)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const taken = new AbortController()
  let writes = 0
  const write = async () => {
    writes++
    taken.abort()
    throw new StockpipeError('unreachable', 'no answer', { retryable: true })
  }
  const store = { ...memoryStore().store, write }
  const options = { store, live: localLive(), context, topic: 'market' } as unknown as ProcessorOptions
  const outlet = new Outlet(options, new Observer(context, new PipelineStats(clock)))
  const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
  partition.fold({ records: [recordOf('A')], end: 1, startedAt: T, endedAt: T })
  // Alive until it is told to wait, as a process is whose connection was gone for a while.
  const signal = AbortSignal.any([taken.signal])
  const writing = outlet.write(partition, partition.take({ flush: true }), outlet.way(signal, taken.signal))
  expect(await writing.catch((error: unknown) => error)).toMatchObject({ code: 'not-owner' })
  expect(writes).toBe(1)
})

test('each attempt to write is told by itself: what it carried, how it ended, and that it is not over', async () => {
  const clock = manualClock(T)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let asked = 0
  const store = { ...memoryStore().store, write: () => answers[asked++]?.promise ?? Promise.resolve() }
  const options = { store, live: localLive(), context, topic: 'market' } as unknown as ProcessorOptions
  const outlet = new Outlet(options, new Observer(context, new PipelineStats(clock)))
  const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
  partition.fold({ records: [recordOf('A')], end: 1, startedAt: T, endedAt: T })
  const { signal } = new AbortController()
  const way = outlet.way(signal, signal)
  const told = async (pattern: RegExp) =>
    (await context.metrics.registry.metrics()).split('\n').filter((line) => pattern.test(line))
  const gauges = /^stockpipe_(store_in_flight|paused_seconds_total) /
  const writing = outlet.write(partition, partition.take({ flush: true }), way)
  const turn = () => new Promise(setImmediate)
  await turn()
  clock.advance(3_000)
  // The other rows, and the trades.
  expect(await told(gauges)).toEqual(['stockpipe_store_in_flight 2', 'stockpipe_paused_seconds_total 3'])
  answers[1]?.reject(new StockpipeError('unreachable', 'no answer', { retryable: true }))
  await turn()
  expect(await told(gauges)).toEqual(['stockpipe_store_in_flight 1', 'stockpipe_paused_seconds_total 3'])
  clock.advance(1_000)
  await turn()
  clock.advance(500)
  answers[0]?.resolve()
  answers[2]?.resolve()
  await writing
  await way.queue.settled()
  clock.advance(60_000)
  expect(await told(gauges)).toEqual(['stockpipe_store_in_flight 0', 'stockpipe_paused_seconds_total 4.5'])
  expect((await told(/^stockpipe_store_write_duration_seconds_sum/)).sort()).toEqual([
    'stockpipe_store_write_duration_seconds_sum{table="others",outcome="ok"} 4.5',
    'stockpipe_store_write_duration_seconds_sum{table="trades",outcome="failed"} 3',
    'stockpipe_store_write_duration_seconds_sum{table="trades",outcome="ok"} 0.5',
  ])
})
