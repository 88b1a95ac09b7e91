import { describe, expect, test } from 'bun:test'

import { memoryStore } from '../../test/memory.ts'
import type { Batch, Bounds } from './broker.ts'
import { encodeValue, gapHeaders } from './codec.ts'
import { batchOf, empty, letPass, processed, START, WINDOWS } from './stream.fixture.ts'
import { encodeTriple, fingerprintOf } from './triple.ts'
import { StockpipeError } from '../errors.ts'
import { createMetrics, Health } from '../telemetry.ts'

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

test('a log that retention has emptied before all of it was read is noticed, and its end is the end', async () => {
  const bounds: Bounds = { start: 0, end: 10 }
  let reads = 0
  const stop = new AbortController()
  const { commits } = await processed({
    bounds,
    signal: stop.signal,
    joining: async (drained) => drained.abort(),
    async *batches() {
      if (reads++ === 0) yield { ...batchOf(0), end: 10 }
      bounds.start = 10
      for (let fetches = 0; fetches < 5; fetches++) yield empty(10)
      stop.abort()
    },
  })
  expect(reads).toBe(2)
  expect(stop.signal.aborted).toBe(false)
  expect(commits).toMatchObject([{ processed: 0 }])
})

test('of a partition that was given back neither trouble nor lag is told any more', async () => {
  const health = new Health()
  const metrics = createMetrics()
  const stop = new AbortController()
  const reasons: (string | null)[] = []
  await processed({
    context: { health, metrics },
    signal: stop.signal,
    async *batches() {
      for (let offset = 0; offset < 20; offset++) {
        const { records, ...rest } = batchOf(offset)
        const headers = { received: String(START - 60_000) }
        yield { ...rest, records: records.map((record) => ({ ...record, headers })) }
      }
      reasons.push(health.reason('clock'))
      stop.abort()
    },
  })
  expect(reasons[0]).toContain('clock off by')
  expect(health.reason('clock')).toBeNull()
  expect((await metrics.lagRecords.get()).values).toEqual([])
})

test('who is told to stop does not wait for a partition that cannot be read', async () => {
  const stop = new AbortController()
  const processed5 = {
    low: 6,
    watermark: START,
    processed: 5,
    identity: { timestamp: START, session: null, seq: null },
    incarnation: 1,
    sessions: [],
    from: null,
  }
  const { commits } = await processed({
    bounds: { start: 0, end: 9 },
    committed: { offset: 6, metadata: encodeTriple(processed5, fingerprintOf(WINDOWS, 'memory')).metadata },
    signal: stop.signal,
    async *read(_topic, _partition, _offset, signal) {
      setImmediate(() => stop.abort())
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      yield* []
    },
    async *batches() {},
  })
  expect(commits).toEqual([])
})

test('a store that is away while the state is restored is waited for: that is no standstill', async () => {
  const memory = memoryStore()
  const until = START + 300_000
  let now = () => START
  const id = async () => {
    if (now() >= until) return 'memory'
    throw new StockpipeError('unreachable', 'too few nodes are up', { retryable: true })
  }
  const { commits } = await processed({
    memory: { ...memory, store: { ...memory.store, id } },
    bounds: { start: 0, end: 1 },
    stallLimit: 120_000,
    joining(drained, clock) {
      now = () => clock.now()
      drained.abort()
      void letPass(clock, 320)
    },
    async *batches() {
      yield batchOf(0)
      for (;;) yield empty(1)
    },
  })
  expect(commits.at(-1)).toMatchObject({ processed: 0 })
})

test('what readers never see at the end of the log, marks of transactions, is nothing to wait for', async () => {
  const stop = new AbortController()
  const { commits } = await processed({
    bounds: { start: 0, end: 2 },
    stallLimit: 120_000,
    signal: stop.signal,
    async *batches(clock) {
      yield batchOf(0)
      for (let second = 0; second < 300; second++) {
        clock.advance(1_000)
        await new Promise(setImmediate)
        yield empty(1)
      }
      stop.abort()
    },
  })
  expect(commits.at(-1)).toMatchObject({ processed: 0 })
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

/** As of the first record. */
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

test('after a restart every open window is written, also where no trade follows', async () => {
  const stop = new AbortController()
  const { memory } = await processed({
    committed: COMMITTED,
    async *read() {
      yield batchOf(0)
    },
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
