import { expect, test } from 'bun:test'

import { memoryStore } from '../../test/memory.ts'
import type { Assignment, Batch, Broker } from './broker.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { localLive } from './live.ts'
import { Observer } from './observer.ts'
import { Outlet, type ProcessorOptions } from './outlet.ts'
import { runProcessor } from './stream.ts'
import { manualClock } from '../clock.ts'
import { PipelineStats } from '../stats.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const START = 1_700_000_000_000

function batchOf(offset: number): Batch {
  const t = START + offset * 1_000
  const meta = { session: 'session', seq: offset, k: 0, prev: null, received: t, skew: 0, repeats: [] }
  const value = encodeValue([{ c: null, p: offset + 1, s: 'A', t, v: 1 }], 'raw')
  const record = { offset, timestamp: t, key: 'A', value, headers: encodeHeaders(meta, 'raw') }
  return { records: [record], end: offset + 1, startedAt: t, endedAt: t }
}

const never = new AbortController().signal

interface Script {
  batches: (clock: ReturnType<typeof manualClock>, drained: AbortController) => AsyncGenerator<Batch>
  /** Before the partition becomes ours. */
  joining?: (drained: AbortController) => void | Promise<void>
  flush?: number
  appended?: (topic: string, count: number) => void
  context?: Partial<ProcessorOptions['context']>
  signal?: AbortSignal
}

/** Runs a processor of one partition over scripted fetches to its end; answers what each commit and the store held. */
async function processed({ batches, joining, flush = 100, appended, context, signal = never }: Script) {
  const clock = manualClock(START)
  const memory = memoryStore()
  const drained = new AbortController()
  const commits: { processed: number; latest: number | undefined }[] = []
  const assignment = (signal: AbortSignal): Assignment => ({
    partition: 0,
    signal,
    committed: null,
    batches: () => batches(clock, drained),
    [Symbol.dispose]() {},
    async commit(_offset, metadata) {
      const { processed } = JSON.parse(metadata) as { processed: number }
      commits.push({ processed, latest: memory.latest.get('A')?.trade_ts })
    },
  })
  const broker: Broker = {
    createTopic: async () => 1,
    async append(topic, records) {
      appended?.(topic, records.length)
      return []
    },
    async *join(_topic, _group, signal) {
      await joining?.(drained)
      if (!signal.aborted) yield assignment(signal)
    },
    async *read() {},
    bounds: async () => [{ start: 0, end: 0 }],
    [Symbol.asyncDispose]: async () => {},
  }
  const options: ProcessorOptions = {
    broker,
    store: memory.store,
    live: localLive(),
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health(), ...context },
    topic: 'market',
    group: 'group',
    partitions: 1,
    retention: { ms: null, bytes: null },
    framing: 'raw',
    windows: { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 },
    idle: 20_000,
    flush,
    maxBadPercent: 10,
    stallLimit: null,
    drained: drained.signal,
  }
  const outlet = new Outlet(options, new Observer(options.context, new PipelineStats(clock)))
  await runProcessor(options, outlet, signal)
  return { commits, memory }
}

/** Fetched after everything that the test has done. */
const empty = (end: number): Batch => ({ records: [], end, startedAt: 2 * START, endedAt: 2 * START })

test('a commit covers the newest price too: a price update is in no window that a restart would write again', async () => {
  const { commits } = await processed({
    flush: 60_000,
    async *batches(clock, drained) {
      yield batchOf(0)
      clock.advance(600)
      yield batchOf(1)
      drained.abort()
      for (;;) yield empty(2)
    },
  })
  expect(commits[1]).toEqual({ processed: 1, latest: START + 1_000 })
  for (const { processed, latest } of commits) expect(latest).toBe(START + processed * 1_000)
})

test('input that ended before the partition was ours is processed all the same', async () => {
  const { memory } = await processed({
    joining: async (drained) => drained.abort(),
    async *batches() {
      yield batchOf(0)
      for (;;) yield empty(1)
    },
  })
  expect(memory.trades.size).toBe(1)
})

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
  const stop = new AbortController()
  const reasons: (string | null)[] = []
  let reads = 0
  const { commits } = await processed({
    context: { health },
    signal: stop.signal,
    appended: (_topic, count) => letters.push(count),
    async *batches(clock) {
      if (reads++ === 0) {
        yield batchOf(0)
        yield rubbish(1, 40)
        yield rubbish(41, 400)
      }
      for (let at = 0; at < 3; at++) {
        setImmediate(() => clock.advance(1_000))
        reasons.push(health.reason('processor'))
        yield empty(441)
      }
      stop.abort()
    },
  })
  expect(letters).toEqual([40])
  expect(reasons.at(-1)).toContain('partition 0 stands still: 440 of the last 441 records cannot be used')
  expect(commits.every(({ processed }) => processed <= 40)).toBe(true)
  expect(health.reason('processor')).toBeNull()
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
