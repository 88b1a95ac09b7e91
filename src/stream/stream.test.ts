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

interface Script {
  batches: (clock: ReturnType<typeof manualClock>, drained: AbortController) => AsyncGenerator<Batch>
  /** Before the partition becomes ours. */
  joining?: (drained: AbortController) => void | Promise<void>
  flush?: number
}

/** Runs a processor of one partition over scripted fetches to its end; answers what each commit and the store held. */
async function processed({ batches, joining, flush = 100 }: Script) {
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
    append: async () => [],
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
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health() },
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
  await runProcessor(options, outlet, new AbortController().signal)
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
