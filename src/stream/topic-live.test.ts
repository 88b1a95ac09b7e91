import { heapStats } from 'bun:jsc'
import { expect, test } from 'bun:test'

import type { Batch, Broker, NewRecord } from './broker.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { latestRow } from './store.contract-rows.ts'
import { noRows } from './store.ts'
import { topicLive } from './topic-live.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { Latencies } from '../latency.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const START = 1_700_000_000_000
const never = new AbortController().signal
const turn = () => new Promise(setImmediate)

function liveOn(broker: Partial<Broker>, latency?: Latencies) {
  const clock = manualClock(START)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const windows = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
  const options = { broker: broker as Broker, topic: 'market', partitions: 1, windows, context }
  return { clock, live: topicLive({ ...options, ...(latency === undefined ? {} : { latency }) }) }
}

const price = (symbol: string, t: number) => ({
  ...noRows(),
  latest: [latestRow(symbol, t)],
})

test('who commits waits for what was published before, not for what others go on publishing', async () => {
  let sent = 0
  const { live, clock } = liveOn({
    async append() {
      await turn()
      // Another partition is never silent.
      live.publish(price('B', START + ++sent))
      return []
    },
  })
  live.publish(price('A', START))
  const published = new AbortController()
  void live.published(never).then(() => published.abort())
  for (let turns = 0; turns < 100 && !published.signal.aborted; turns++) {
    clock.advance(50)
    await turn()
  }
  expect(published.signal.aborted).toBe(true)
  expect(sent).toBeLessThan(4)
})

test('a processor that cannot publish goes on only until too much waits for it', async () => {
  const log = { isAway: true }
  const { live, clock } = liveOn({
    async append() {
      if (log.isAway) throw new StockpipeError('unreachable', 'nobody answers', { retryable: true })
      return []
    },
  })
  const room = new AbortController()
  live.publish(price('A', START))
  await live.room(never)
  const many = Array.from({ length: 60_000 }, (_, at) => latestRow(`S${at}`, START))
  live.publish({ ...noRows(), latest: many })
  void live.room(never).then(() => room.abort())
  for (let turns = 0; turns < 20; turns++) {
    clock.advance(1_000)
    await turn()
  }
  expect(room.signal.aborted).toBe(false)
  log.isAway = false
  for (let turns = 0; turns < 40 && !room.signal.aborted; turns++) {
    clock.advance(1_000)
    await turn()
  }
  expect(room.signal.aborted).toBe(true)
})

test('a clock that is set back does not hold up what is to be published', async () => {
  const appended: number[] = []
  const { live, clock } = liveOn({
    async append(_topic, records) {
      appended.push(records.length)
      return []
    },
  })
  live.publish(price('A', START))
  await turn()
  clock.set(START - 3_600_000)
  live.publish(price('B', START))
  clock.advance(50)
  await live.published(never)
  expect(appended).toEqual([1, 1])
})

const batchOf = (seq: number, size: number): Batch => ({
  records: Array.from({ length: size }, (_, at) => {
    const meta = { session: 's', seq: seq + at, k: 0, prev: null, received: START, skew: 0, repeats: [] }
    const value = encodeValue([{ c: null, p: 1, s: 'A', t: START, v: 1 }], 'raw')
    return { offset: seq + at, timestamp: START, key: 'A', value, headers: encodeHeaders(meta, 'raw') }
  }),
  end: seq + size,
  startedAt: START,
  endedAt: START,
})

test('who only listens to the log holds nothing of the records that went by', async () => {
  const stop = new AbortController()
  const objects: number[] = []
  const { live } = liveOn({
    bounds: async () => [{ start: 0, end: 0 }],
    async *read(topic) {
      const batches = topic === 'market' ? 20 : 0
      for (let batch = 0; batch < batches; batch++) {
        yield batchOf(batch * 1_000, 1_000)
        if (batch % 15 !== 4) continue
        Bun.gc(true)
        objects.push(heapStats().objectCount)
      }
      stop.abort()
    },
  })
  let trades = 0
  live.subscribe((update) => (trades += update.trades.length))
  await live.run(stop.signal)
  expect(trades).toBe(20_000)
  const [early = 0, late = 0] = objects
  expect(late - early).toBeLessThan(5_000)
})

test('what processors tell of latency comes to who listens, and each row with the time at which it was stored', async () => {
  const topic: NewRecord[] = []
  const told = new Latencies(manualClock(START))
  for (let samples = 0; samples < 5; samples++) told.add('broker_store', 12, 0)
  const append = async (_topic: string, records: readonly NewRecord[]) => {
    topic.push(...records)
    return []
  }
  const { clock, live } = liveOn({ append }, told)
  live.publish({ ...price('A', START), storedAt: START + 7 })
  live.progress(0, 1)
  for (let turns = 0; turns < 20; turns++) {
    clock.advance(50)
    await turn()
  }
  const records = topic.map((record, offset) => ({ ...record, offset, timestamp: START }))
  const latency = new Latencies(clock)
  const stop = new AbortController()
  const listening = liveOn(
    {
      bounds: async () => [{ start: 0, end: 0 }],
      async *read(name) {
        if (name === 'market.aggregates') yield { records, end: records.length, startedAt: 0, endedAt: 0 }
        await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }))
      },
    },
    latency,
  ).live
  const heard: (number | undefined)[] = []
  listening.subscribe(({ storedAt }) => heard.push(storedAt))
  const running = listening.run(stop.signal)
  for (let turns = 0; turns < 20; turns++) await turn()
  stop.abort()
  await running
  expect(heard).toEqual([START + 7])
  expect(latency.quantiles('broker_store')).toEqual({ samples: 5, p50: 12, p99: 12 })
})
