import { expect, test } from 'bun:test'

import type { Batch } from './broker.ts'
import { batchOf, empty, processed, START, WINDOWS } from './stream.fixture.ts'
import { encodeTriple, fingerprintOf } from './triple.ts'
import { memoryStore } from '../../test/memory.ts'
import { StockpipeError } from '../errors.ts'
import { createMetrics, Health } from '../telemetry.ts'

/** Records that are no Avro at all. */
const rubbish = (offset: number, count: number): Batch => ({
  records: Array.from({ length: count }, (_, at) => ({
    offset: offset + at,
    timestamp: START,
    key: 'A',
    value: new Uint8Array([7]),
    headers: { framing: 'raw' },
  })),
  end: offset + count,
  startedAt: START,
  endedAt: START,
})

test('a topic full of what cannot be read is not drained into the dead-letter topic: the partition stands still and says why', async () => {
  const letters: number[] = []
  const health = new Health()
  const metrics = createMetrics()
  const stop = new AbortController()
  const reasons: (string | null)[] = []
  const lags: unknown[] = []
  let reads = 0
  const { commits } = await processed({
    context: { health, metrics },
    signal: stop.signal,
    appended: (_topic, count) => letters.push(count),
    async *batches(clock) {
      if (reads++ === 0) {
        yield batchOf(0)
        yield rubbish(1, 40)
        expect(metrics.paused.seconds).toBe(0)
        yield rubbish(41, 400)
      }
      clock.advance(30_000)
      for (let at = 0; at < 4; at++) {
        setImmediate(() => clock.advance(1_000))
        reasons.push(health.reason('processor'))
        const { values } = await metrics.lagRecords.get()
        lags.push({ records: values[0]?.value, seconds: metrics.lagSeconds.get('0')?.() })
        yield at === 0 ? rubbish(41, 400) : empty(441 + at)
      }
      stop.abort()
    },
  })
  expect(letters).toEqual([40])
  expect(reasons.at(-1)).toContain('partition 0 stands still: 440 of the last 441 records cannot be used')
  expect(commits.every(({ processed }) => processed <= 40)).toBe(true)
  expect(health.reason('processor')).toBeNull()
  expect(metrics.paused.seconds).toBeGreaterThanOrEqual(2)
  // The lag of what stands still grows, and ends with it.
  expect(lags.slice(1)).toEqual([
    { records: 400, seconds: 31 },
    { records: 401, seconds: 32 },
    { records: 402, seconds: 33 },
  ])
  expect(metrics.lagSeconds.size).toBe(0)
  expect((await metrics.lagRecords.get()).values).toEqual([])
})

test('a topic that was made anew, shorter and full of what cannot be read, stands still once, with all of it to do', async () => {
  const memory = memoryStore()
  const identity = { timestamp: 5, session: 'x', seq: '1' }
  const fingerprint = fingerprintOf(WINDOWS, await memory.store.id())
  const former = { low: 4_990, watermark: START, processed: 5_000, identity, incarnation: 1, sessions: [], from: null }
  const { metadata } = encodeTriple(former, fingerprint)
  const metrics = createMetrics()
  const stop = new AbortController()
  const offsets: number[] = []
  const lags: unknown[] = []
  await processed({
    context: { metrics },
    signal: stop.signal,
    memory,
    committed: { offset: former.low, metadata },
    bounds: { start: 0, end: 400 },
    async *batches(clock, _drained, offset) {
      offsets.push(offset)
      if (offsets.length > 10) stop.abort()
      if (offset > 400) throw new StockpipeError('log-changed', 'it ends before what was read of it')
      setImmediate(() => clock.advance(1_000))
      yield rubbish(0, 400)
      if (offsets.length < 2) return
      lags.push((await metrics.lagRecords.get()).values[0]?.value)
      stop.abort()
    },
  })
  expect(offsets).toEqual([0, 0])
  expect(lags).toEqual([400])
})

test('a topic that is made anew because it was full of what cannot be read is read from its beginning', async () => {
  let reads = 0
  const { commits } = await processed({
    async *batches(_clock, drained) {
      if (++reads === 1) return yield rubbish(0, 400)
      if (reads === 2) throw new StockpipeError('log-changed', 'the topic was away for a while')
      yield batchOf(0)
      drained.abort()
      for (;;) yield empty(1)
    },
  })
  expect(commits).toMatchObject([{ processed: 0 }])
})

test('a recording full of what cannot be read ends with that error', async () => {
  const failure = await processed({
    joining: async (drained) => drained.abort(),
    async *batches() {
      yield rubbish(0, 400)
      for (;;) yield empty(400)
    },
  }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'too-many-bad', message: '400 of the last 400 records cannot be used' })
})

test('bad records among many good ones are no reason to stop', async () => {
  const letters: number[] = []
  await processed({
    joining: async (drained) => drained.abort(),
    appended: (_topic, count) => letters.push(count),
    async *batches() {
      yield { ...rubbish(0, 90), end: 91 }
      yield batchOf(90)
      for (;;) yield empty(91)
    },
  })
  expect(letters).toEqual([90])
})
