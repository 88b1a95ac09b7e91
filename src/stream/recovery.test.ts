import { expect, test } from 'bun:test'

import { memoryLog, memoryStore } from '../../test/memory.ts'
import { manualClock } from '../clock.ts'
import { createMetrics, Health, type Log, silentLog } from '../telemetry.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { recover } from './recovery.ts'
import { decodeTriple, encodeTriple, fingerprintOf } from './triple.ts'

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
const START = 1_700_000_000_000

/** A log of one trade a second, and an owner that processed the first `processed` of them and committed. */
async function committedAfter(processed: number, records = 100) {
  const log = memoryLog('market')
  for (let seq = 0; seq < records; seq++) log.records.push(recordOf(seq))
  const memory = memoryStore()
  const warnings: unknown[] = []
  const clock = manualClock(START + 500_000)
  const logger: Log = { ...silentLog, warn: (event, fields) => warnings.push([event, fields?.['reason']]) }
  const options = {
    broker: log.broker,
    store: memory.store,
    topic: 'market',
    windows: WINDOWS,
    context: { clock, log: logger, metrics: createMetrics(), health: new Health() },
  }
  const assign = () => log.assign(10, new AbortController().signal)
  const { partition } = await recover(assign(), options)
  partition.fold({ records: log.records.slice(0, processed), end: records, startedAt: 0, endedAt: 0 })
  await memory.store.write(partition.take({ flush: true }))
  const triple = partition.triple()
  if (triple !== null)
    await assign().commit(triple.low, encodeTriple(triple, fingerprintOf(WINDOWS, 'memory')).metadata)
  return { log, memory, options, assign, warnings, triple, clock }
}

const meta = (seq: number) => ({
  session: 'session',
  seq,
  k: 0,
  prev: null,
  received: START + seq * 1_000,
  skew: 0,
  repeats: [],
})

function recordOf(seq: number) {
  const t = START + seq * 1_000
  return {
    offset: seq,
    timestamp: t,
    key: 'A',
    value: encodeValue([{ c: null, p: 10, s: 'A', t, v: 1 }], 'raw'),
    headers: encodeHeaders(meta(seq), 'raw'),
  }
}

test('the triple names what must be read again, and survives its encoding', async () => {
  const { triple } = await committedAfter(80)
  expect(triple).toMatchObject({ processed: 79, watermark: START + 79_000 - 15_000, from: null })
  expect(triple?.low).toBeLessThan(80 - 15)
  const { metadata, leftOut } = encodeTriple(triple!, 'f')
  expect(leftOut).toBe(0)
  expect(decodeTriple(triple!.low, metadata, 'f')).toEqual(triple)
})

test('a restart goes on from the triple, in the same incarnation', async () => {
  const { options, assign, triple, warnings, clock } = await committedAfter(80)
  clock.advance(5_000)
  const { partition, offset } = await recover(assign(), options)
  expect(offset).toBe(triple!.low)
  expect(partition.isLive).toBe(false)
  expect(partition.engine.watermark).toBe(triple!.watermark!)
  expect(warnings).toEqual([])
})

test('sessions are forgotten by the time of the log, so that an owner who is days behind still knows what came twice', async () => {
  const { options, assign } = await committedAfter(80)
  const { partition } = await recover(assign(), options)
  partition.fold({ records: [80, 81].map(recordOf), end: 100, startedAt: 0, endedAt: 0 })
  const again = { records: [{ ...recordOf(81), offset: 82 }], end: 100, startedAt: 0, endedAt: 0 }
  partition.triple()
  expect(partition.fold(again).duplicates).toBe(1)
})

test('the newest price is read once for every symbol, for those that the restart made known too', async () => {
  const { log, options, assign, memory, triple } = await committedAfter(80)
  const { partition, offset } = await recover(assign(), options)
  const batch = (from: number, to: number) => ({
    records: log.records.slice(from, to),
    end: 100,
    startedAt: 0,
    endedAt: 0,
  })
  partition.fold(batch(offset, triple!.processed + 1))
  expect(partition.engine.unknownPrices()).toEqual([])
  const older = { ...recordOf(78), headers: encodeHeaders({ ...meta(78), session: 'other' }, 'raw') }
  partition.fold({ ...batch(0, 0), records: [{ ...older, offset: 80 }] })
  expect(partition.engine.unknownPrices()).toEqual(['A'])
  partition.engine.learnLatest('A', memory.latest.get('A') ?? null)
  expect(partition.engine.unknownPrices()).toEqual([])
  expect(partition.take({ flush: true }).latest).toEqual([])
  const sameMs = { ...recordOf(79), headers: encodeHeaders({ ...meta(79), session: 'third' }, 'raw') }
  partition.fold({ ...batch(0, 0), records: [{ ...sameMs, offset: 81 }] })
  expect(partition.take({ flush: true }).latest).toMatchObject([
    { trade_ts: START + 79_000, stamp: (START + 79_000) * 1_000 + 1 },
  ])
})

test('other window settings start over from the beginning', async () => {
  const { options, assign, warnings } = await committedAfter(80)
  const { offset, partition } = await recover(assign(), { ...options, windows: { ...WINDOWS, delay: 5_000 } })
  expect(offset).toBe(0)
  expect(partition.isLive).toBe(true)
  expect(warnings).toEqual([
    ['processor.start_over', 'the committed state is unreadable, of other window settings, or of another store'],
  ])
})

test('a log that is shorter than what was processed is a new log', async () => {
  const { log, options, assign, warnings } = await committedAfter(80)
  log.records.length = 50
  expect((await recover(assign(), options)).offset).toBe(0)
  expect(JSON.stringify(warnings)).toContain('new log')
})

test('another record where the last processed one was is a new log', async () => {
  const { log, options, assign, warnings } = await committedAfter(80)
  log.records[79] = { ...recordOf(79), timestamp: 1 }
  expect((await recover(assign(), options)).offset).toBe(0)
  expect(JSON.stringify(warnings)).toContain('another record')
})

test.each(['', '{', 'null', '[]', '{"version":99}'])('unreadable metadata %p starts over', (metadata) => {
  expect(decodeTriple(3, metadata, fingerprintOf(WINDOWS, 'memory'))).toBeNull()
})

test('of more sessions than fit in a commit the oldest are left out', () => {
  const sessions = Array.from({ length: 400 }, (_, index) => ({
    session: `session-${index}`,
    seq: index,
    k: 0,
    timestamp: START + index,
  }))
  const triple = {
    low: 1,
    watermark: null,
    processed: 5,
    identity: { timestamp: 1, session: null, seq: null },
    incarnation: 1,
    sessions,
    from: null,
  }
  const { metadata, leftOut } = encodeTriple(triple, 'f')
  expect(Buffer.byteLength(metadata)).toBeLessThanOrEqual(4096)
  expect(leftOut).toBeGreaterThan(0)
  expect(decodeTriple(1, metadata, 'f')?.sessions).toContainEqual(sessions[399])
})
