import { expect, test } from 'bun:test'
import fc from 'fast-check'

import { memoryLog, memoryStore } from '../../test/memory.ts'
import { oracle, type OracleRecord } from '../../test/oracle.ts'
import { manualClock } from '../clock.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'
import type { Entry } from '../trade.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { recover } from './recovery.ts'
import { encodeTriple, fingerprintOf } from './triple.ts'

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
const SYMBOLS = ['A', 'B', 'IC MARKETS:1']
const MIDNIGHT = 1_609_977_600_000

/** Steps of event time: mostly small, sometimes back, sometimes far ahead. */
const step = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 900 }) },
  { weight: 3, arbitrary: fc.integer({ min: -14_000, max: 0 }) },
  { weight: 2, arbitrary: fc.integer({ min: -400_000, max: 0 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1_000, max: 70_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1_000, 1_000, 5_000, 15_000, 60_000, 300_000, 3_600_000) },
)
const entry = fc.record({
  step,
  p: fc.integer({ min: 1, max: 999 }),
  v: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 50 }) }, { weight: 1, arbitrary: fc.constant(0) }),
})
const frame = fc.record({
  symbol: fc.constantFrom(...SYMBOLS),
  entries: fc.array(entry, { minLength: 1, maxLength: 6 }),
  repeats: fc.oneof(
    { weight: 4, arbitrary: fc.constant<number[]>([]) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }) },
  ),
  lead: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: -100, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: -9_000, max: -4_000 }) },
  ),
  hasReceived: fc.boolean(),
  skew: fc.constantFrom(0, 0, 0, 1_500),
  sentTwice: fc.integer({ min: 0, max: 9 }),
})
type FrameSpec = typeof frame extends fc.Arbitrary<infer Value> ? Value : never

/** On a coarse grid of times, event times, watermarks and window ends meet exactly. */
const stream = (minLength: number) =>
  fc.record({ frames: fc.array(frame, { minLength, maxLength: 60 }), grid: fc.constantFrom(1, 500, 1_000) })

/** Frames as the producer would append them, the same record now and then once more under its own name. */
function recordsOf({ frames, grid }: { frames: readonly FrameSpec[]; grid: number }): {
  log: ReturnType<typeof memoryLog>
  plain: OracleRecord[]
} {
  const log = memoryLog('market')
  const plain: OracleRecord[] = []
  let now = MIDNIGHT - 40_000
  frames.forEach((spec, seq) => {
    let newest = 0
    const entries: Entry[] = spec.entries.map(({ step, p, v }) => {
      const t = now + Math.trunc(step / grid) * grid
      newest = Math.max(newest, t)
      if (step > 0) now = t
      return { c: null, p: p / 8, s: spec.symbol, t, v: v / 16 }
    })
    const received = newest + spec.lead
    const repeats = spec.repeats.filter((index) => index < entries.length).sort((a, b) => a - b)
    const meta = {
      session: 'session',
      seq,
      k: 0,
      prev: null,
      received: spec.hasReceived ? received : null,
      skew: spec.skew,
      repeats,
    }
    for (let copy = 0; copy < (spec.sentTwice === 0 ? 2 : 1); copy++) {
      const offset = log.records.length
      log.records.push({
        offset,
        timestamp: received,
        key: spec.symbol,
        value: encodeValue(entries, 'raw'),
        headers: encodeHeaders(meta, 'raw'),
      })
      if (copy === 0)
        plain.push({ offset, timestamp: received, received: meta.received, skew: spec.skew, repeats, entries })
    }
  })
  return { log, plain }
}

interface Disturbance {
  batch: number
  /** After this many batches the owner dies: before its rows are written, before its commit, or after it. */
  crashAfter: readonly { batches: number; at: 'fold' | 'write' | 'commit' }[]
  flushEvery: number
  commitEvery: number
}

/** Runs owners over the log one after the other, each killed as told, the last one to the end. */
async function run(log: ReturnType<typeof memoryLog>, how: Disturbance): Promise<ReturnType<typeof memoryStore>> {
  const memory = memoryStore()
  const clock = manualClock(1)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  for (const crash of [...how.crashAfter, null]) {
    clock.advance(1)
    const assignment = log.assign(how.batch, new AbortController().signal)
    const { partition, offset } = await recover(assignment, {
      broker: log.broker,
      store: memory.store,
      topic: 'market',
      windows: WINDOWS,
      context,
    })
    let isLive = false
    let rounds = 0
    for await (const batch of assignment.batches(offset)) {
      rounds++
      partition.fold(batch)
      for (const symbol of partition.engine.unknownPrices())
        partition.engine.learnLatest(symbol, memory.latest.get(symbol) ?? null)
      if (partition.isLive && !isLive) partition.engine.goLive()
      isLive = partition.isLive
      const isCrash = crash !== null && rounds >= crash.batches
      if (isCrash && crash.at === 'fold') break
      if (!isLive) continue
      const due = { flush: rounds % how.flushEvery === 0, minutes: rounds % 3 === 0, long: rounds % 5 === 0 }
      await memory.store.write(partition.take(due))
      if (isCrash && crash.at === 'write') break
      const triple = rounds % how.commitEvery === 0 ? partition.triple() : null
      if (triple !== null)
        await assignment.commit(triple.low, encodeTriple(triple, fingerprintOf(WINDOWS, 'memory')).metadata)
      if (isCrash) break
      if (batch.records.length > 0) continue
      await memory.store.write(partition.take({ flush: true }))
      await memory.store.write(partition.engine.closeQuiet(() => true))
      break
    }
  }
  return memory
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b))

function check(memory: ReturnType<typeof memoryStore>, plain: readonly OracleRecord[]): void {
  const truth = oracle(plain)
  const stored = new Map<
    string,
    {
      row: {
        n: number
        open: number
        high: number
        low: number
        close: number
        volume: number
        vwap: number
        final: boolean
        closed_by: string
      }
    }
  >()
  for (const [key, row] of [...memory.windows, ...memory.candles]) stored.set(key, { row })
  expect([...stored.keys()].sort()).toEqual([...truth.windows.keys()].sort())
  for (const [key, expected] of truth.windows) {
    const row = stored.get(key)?.row
    if (row === undefined) continue
    expect({ key, n: row.n, open: row.open, high: row.high, low: row.low, close: row.close }).toEqual({
      key,
      n: expected.n,
      open: expected.open,
      high: expected.high,
      low: expected.low,
      close: expected.close,
    })
    expect(near(row.volume, expected.volume) && near(row.vwap, expected.pv / expected.volume)).toBe(true)
    expect({ key, final: row.final, by: row.closed_by }).toEqual({
      key,
      final: true,
      by: expected.isPast ? 'watermark' : 'idle',
    })
  }
  for (const [key, row] of memory.windows)
    expect(near(row.mean_price, truth.windows.get(key)?.mean ?? Number.NaN)).toBe(true)
  const ids = [...memory.trades].filter(([, trade]) => !trade.future).map(([id]) => id)
  expect(ids.sort()).toEqual(truth.trades.toSorted())
  expect(
    [...memory.trades]
      .filter(([, trade]) => trade.future)
      .map(([id]) => id)
      .sort(),
  ).toEqual(truth.future.toSorted())
  expect([...memory.late].map(([id, row]) => [id, { missed: row.missed, entry: row.entry_interval }]).sort()).toEqual(
    [...truth.late].sort() as never,
  )
}

const calm: Disturbance = { batch: 3, crashAfter: [], flushEvery: 2, commitEvery: 1 }

test('every window equals a recomputation from its trades, whatever the order and the batches', async () => {
  await fc.assert(
    fc.asyncProperty(stream(1), fc.integer({ min: 1, max: 9 }), async (frames, batch) => {
      const { log, plain } = recordsOf(frames)
      check(await run(log, { ...calm, batch }), plain)
    }),
    { numRuns: 300 },
  )
})

test('owners that die at any point leave the rows that an undisturbed one writes, bit for bit', async () => {
  const crash = fc.record({
    batches: fc.integer({ min: 1, max: 12 }),
    at: fc.constantFrom('fold' as const, 'write' as const, 'commit' as const),
  })
  const disturbance = fc.record({
    batch: fc.integer({ min: 1, max: 5 }),
    crashAfter: fc.array(crash, { minLength: 1, maxLength: 6 }),
    flushEvery: fc.integer({ min: 1, max: 4 }),
    commitEvery: fc.integer({ min: 1, max: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(stream(4), disturbance, async (frames, how) => {
      const undisturbed = recordsOf(frames)
      const disturbed = recordsOf(frames)
      const calmly = await run(undisturbed.log, calm)
      const hardly = await run(disturbed.log, how)
      check(hardly, disturbed.plain)
      expect(Object.fromEntries(hardly.candles)).toEqual(Object.fromEntries(calmly.candles))
      expect(Object.fromEntries(hardly.windows)).toEqual(Object.fromEntries(calmly.windows))
    }),
    { numRuns: 300 },
  )
})
