import { describe, expect, test } from 'bun:test'

import { memoryStore } from '../../test/memory.ts'
import type { Assignment, Batch, Bounds, Broker, NewRecord } from './broker.ts'
import { encodeHeaders, encodeValue, gapHeaders } from './codec.ts'
import { localLive } from './live.ts'
import { Observer } from './observer.ts'
import { Outlet, type ProcessorOptions } from './outlet.ts'
import type { Durability } from './store.ts'
import { runProcessor } from './stream.ts'
import { encodeTriple, fingerprintOf } from './triple.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
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

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

const COMMITTED = {
  offset: 0,
  metadata: encodeTriple(
    {
      low: 0,
      watermark: START - 15_000,
      processed: 0,
      identity: { timestamp: START, session: 'session', seq: '0' },
      incarnation: 1,
      sessions: [],
      from: null,
    },
    fingerprintOf(WINDOWS, 'memory'),
  ).metadata,
}

interface Script {
  batches: (clock: ReturnType<typeof manualClock>, drained: AbortController) => AsyncGenerator<Batch>
  /** Before the partition becomes ours. */
  joining?: (drained: AbortController) => void | Promise<void>
  flush?: number
  bounds?: Bounds
  /** Before the log tells its bounds. */
  asked?: () => void
  memory?: ReturnType<typeof memoryStore>
  appended?: (topic: string, count: number) => void
  context?: Partial<ProcessorOptions['context']>
  signal?: AbortSignal
  /** The partition is ours again, each time until one of these aborts. */
  lives?: readonly AbortController[]
  durability?: Durability
  /** As of its first record. */
  isCommitted?: boolean
}

/** Runs a processor of one partition over scripted fetches to its end; answers what each commit and the store held. */
async function processed(script: Script) {
  const { batches, joining, flush = 100, bounds, memory = memoryStore(), context, signal = never } = script
  const { lives, durability = null, isCommitted = false } = script
  const clock = manualClock(START)
  const drained = new AbortController()
  const commits: { processed: number; latest: number | undefined; gaps: number }[] = []
  const appended: { record: NewRecord; trades: number }[] = []
  const assignment = (signal: AbortSignal): Assignment => ({
    partition: 0,
    signal,
    committed: isCommitted ? COMMITTED : null,
    batches: () => batches(clock, drained),
    [Symbol.dispose]() {},
    async commit(_offset, metadata) {
      const { processed } = JSON.parse(metadata) as { processed: number }
      commits.push({ processed, latest: memory.latest.get('A')?.trade_ts, gaps: memory.gaps.size })
    },
  })
  const broker: Broker = {
    createTopic: async () => 1,
    async append(topic, records) {
      script.appended?.(topic, records.length)
      for (const record of records) appended.push({ record, trades: memory.trades.size })
      return []
    },
    async *join(_topic, _group, signal) {
      await joining?.(drained)
      for (const life of lives ?? [{ signal }]) {
        if (signal.aborted) return
        yield assignment(life.signal)
        const over = AbortSignal.any([life.signal, signal])
        if (lives !== undefined) await new Promise((resolve) => over.addEventListener('abort', resolve))
      }
    },
    async *read() {
      yield batchOf(0)
    },
    async bounds() {
      script.asked?.()
      return [bounds ?? { start: 0, end: 0 }]
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const options: ProcessorOptions = {
    broker,
    store: { ...memory.store, durability },
    live: localLive(),
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health(), ...context },
    topic: 'market',
    group: 'group',
    partitions: 1,
    retention: { ms: null, bytes: null },
    framing: 'raw',
    windows: WINDOWS,
    idle: 20_000,
    flush,
    maxBadPercent: 10,
    stallLimit: null,
    drained: drained.signal,
  }
  const outlet = new Outlet(options, new Observer(options.context, new PipelineStats(clock)))
  await runProcessor(options, outlet, signal)
  return { commits, memory, appended }
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
  expect(commits[1]).toMatchObject({ processed: 1, latest: START + 1_000 })
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

function gapAt(offset: number, length = 5_000): Batch {
  const gap = { symbol: 'A', from: START, to: START + length, cause: 'outage', detail: '' }
  const record = { offset, timestamp: START, key: 'A', value: encodeValue([], 'raw'), headers: gapHeaders(gap, 'raw') }
  return { records: [record], end: offset + 1, startedAt: START, endedAt: START }
}

test('a gap is in the store before the commit that covers its record', async () => {
  const memory = memoryStore()
  const write = memory.store.write.bind(memory.store)
  memory.store.write = async (rows) => {
    if (rows.gaps.length > 0) for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    return write(rows)
  }
  const { commits } = await processed({
    memory,
    async *batches(clock, drained) {
      yield batchOf(0)
      clock.advance(600)
      yield gapAt(1)
      drained.abort()
      for (;;) yield empty(2)
    },
  })
  expect(commits.map(({ processed, gaps }) => [processed, gaps])).toEqual([
    [0, 0],
    [1, 1],
  ])
  expect([...memory.gaps.values()]).toMatchObject([{ symbol: 'A', from_ts: START, to_ts: START + 5_000 }])
})

test('a gap that is told again is one row, as long as it was ever told', async () => {
  const { memory, commits } = await processed({
    async *batches(_clock, drained) {
      yield gapAt(0)
      yield gapAt(1)
      yield gapAt(2, 9_000)
      yield gapAt(3)
      drained.abort()
      for (;;) yield empty(4)
    },
  })
  expect(commits.at(-1)?.processed).toBe(3)
  expect([...memory.gaps.values()].map(({ from_ts, to_ts }) => [from_ts, to_ts])).toEqual([[START, START + 9_000]])
})

describe('what retention took', () => {
  const truncated = { start: 40, end: 60 }

  async function restarted(newest: number | null) {
    const memory = memoryStore()
    const rest = { symbol: 'A', price: 1, volume: 1, received_ts: null, day_open: null, change: null }
    const latest = { ...rest, change_percent: null, trade_ts: newest ?? 0, stamp: (newest ?? 0) * 1000 }
    if (newest !== null) memory.latest.set('A', latest)
    return processed({
      memory,
      bounds: truncated,
      async *batches(_clock, drained) {
        yield batchOf(40)
        drained.abort()
        for (;;) yield empty(41)
      },
    })
  }

  test('is a gap in the log, up to the first window that is written, before anything else is written', async () => {
    const { appended } = await restarted(START + 20_000)
    expect(
      appended.map(({ record: { headers, ...place }, trades }) => [headers, place.key, place.partition, trades]),
    ).toEqual([
      [
        gapHeaders(
          {
            symbol: 'A',
            from: START + 20_000 - 15_000,
            to: START + 40_000 + 15_000,
            cause: 'retention',
            detail: 'the log no longer held these trades',
          },
          'raw',
        ),
        'A',
        0,
        0,
      ],
    ])
  })

  test('is nothing to a store that knows of no trade', async () => {
    expect((await restarted(null)).appended).toEqual([])
  })

  test('is nothing where the store got further than the beginning of the log', async () => {
    expect((await restarted(START + 90_000)).appended).toEqual([])
  })

  test('while the processor was behind makes it start over, with a gap, also where the log is away for a moment', async () => {
    const gone: Bounds = { start: 0, end: 60 }
    let reads = 0
    let isAway = false
    const { appended, commits } = await processed({
      bounds: gone,
      asked() {
        if (isAway) throw new StockpipeError('unreachable', 'the log is away', { retryable: true })
      },
      async *batches(clock, drained) {
        if (reads++ === 0) {
          yield batchOf(0)
          clock.advance(600)
          yield batchOf(1)
          gone.start = 40
          isAway = true
          setImmediate(() => {
            isAway = false
            clock.advance(60_000)
          })
        }
        yield batchOf(40)
        drained.abort()
        for (;;) yield empty(41)
      },
    })
    expect(reads).toBe(2)
    expect(commits.at(-1)).toMatchObject({ processed: 40 })
    expect(appended.map(({ record }) => JSON.parse(record.headers['gap'] ?? '') as unknown)).toMatchObject([
      { from: START + 1_000 - 15_000, to: START + 40_000 + 15_000, cause: 'retention' },
    ])
  })
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

test('who loses a partition before its last commit has not come to its end: the next owner, itself or another, commits it', async () => {
  const [first, second] = [new AbortController(), new AbortController()]
  let reads = 0
  const { commits } = await processed({
    lives: [first, second],
    durability: { lagMs: async () => 16_000, generation: async () => '1' },
    async *batches(clock, drained) {
      const isFirst = reads++ === 0
      try {
        yield batchOf(0)
        drained.abort()
        for (;;) yield empty(1)
      } finally {
        // While the rows are waited for.
        setImmediate(() => (isFirst ? first.abort() : clock.advance(20_000)))
      }
    },
  })
  expect(reads).toBe(2)
  expect(commits.map(({ processed }) => processed)).toEqual([0])
})

test('after a restart every open window is written, also where no trade follows', async () => {
  const stop = new AbortController()
  const { memory } = await processed({
    isCommitted: true,
    bounds: { start: 0, end: 1 },
    signal: stop.signal,
    async *batches() {
      yield batchOf(0)
      yield empty(1)
      stop.abort()
      yield empty(1)
    },
  })
  expect(memory.trades.size).toBe(0)
  expect(memory.windows.size).toBe(3)
  expect(memory.candles.size).toBe(6)
})
