import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'bun:test'

import { hurriedClock, manualClock, systemClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { lastDelivery } from '../ingest/last-delivery.ts'
import type { Broker, NewRecord } from '../stream/broker.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'
import { encodeHeaders, encodeValue, sealHeaders } from '../stream/codec.ts'
import type { Store } from '../stream/store.ts'
import { silentLog } from '../telemetry.ts'
import { harmlessTime } from './event-time.ts'
import { patienceFor } from './patience.ts'
import { probe } from './probe.ts'

const NOW = 1_700_000_000_000
const SYMBOL = 'STOCKPIPE:TEST'
const PARTITIONS = 3
const HOME = partitionOf(SYMBOL, PARTITIONS)
const OTHER = (HOME + 1) % PARTITIONS
const folder = mkdtempSync(join(tmpdir(), 'stockpipe-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let logs = 0
async function openLog(...records: readonly NewRecord[]): Promise<Broker> {
  const clock = manualClock(NOW)
  const broker = await openEmbeddedBroker({ path: join(folder, `${++logs}.db`), clock, log: silentLog })
  await broker.createTopic({ name: 'market', partitions: PARTITIONS })
  await broker.append('market', records)
  return broker
}

let seq = 0
function frame(times: readonly number[], { partition = HOME, received = NOW, repeats = [] as number[] } = {}) {
  const entries = times.map((t) => ({ c: null, p: 1, s: 'S', t, v: 1 }))
  const meta = { session: 'feed', seq: ++seq, k: 0, prev: null, received, skew: 0, repeats }
  return { key: 'S', value: encodeValue(entries, 'raw'), headers: encodeHeaders(meta, 'raw'), partition }
}
const seal = (watermark: number): NewRecord => ({
  key: null,
  value: encodeValue([], 'raw'),
  headers: sealHeaders(watermark, 'raw'),
  partition: HOME,
})

test('test trades have the time of the newest trade of their partition, whatever the clock says', async () => {
  await using broker = await openLog(
    frame([NOW - 9_000, NOW - 8_000]),
    frame([NOW - 8_500]),
    frame([NOW], { partition: OTHER }),
  )
  expect(await harmlessTime(broker, 'market', HOME)).toBe(NOW - 8_000)
})

test('trades from the future, marked repeats and records that nobody can read count as nothing', async () => {
  const unreadable = { key: null, value: Buffer.from('?'), headers: { framing: 'raw' }, partition: HOME }
  const frames = [frame([NOW - 9_000, NOW - 7_000], { repeats: [1] }), frame([NOW + 60_000]), unreadable]
  await using broker = await openLog(...frames)
  expect(await harmlessTime(broker, 'market', HOME)).toBe(NOW - 9_000)
})

test('behind a seal they have its time, for all before it is closed', async () => {
  await using broker = await openLog(frame([NOW - 9_000]), seal(NOW - 1_000))
  expect(await harmlessTime(broker, 'market', HOME)).toBe(NOW - 1_000)
})

test('in a partition without trades they have the time of the one that is furthest behind', async () => {
  await using broker = await openLog(
    frame([NOW - 5_000], { partition: OTHER }),
    frame([NOW - 6_000], { partition: (HOME + 2) % PARTITIONS }),
  )
  expect(await harmlessTime(broker, 'market', HOME)).toBe(NOW - 6_000)
  await using empty = await openLog()
  expect(await harmlessTime(empty, 'market', HOME)).toBeNull()
})

test('test trades that came too late, for the feed was catching up, are sent again', async () => {
  await using broker = await openLog(frame([NOW - 9_000]))
  const clock = hurriedClock(NOW)
  const patience = patienceFor(60_000, { clock, signal: new AbortController().signal, say: () => undefined })
  const of = (offset: number) => ({ log_partition: HOME, log_offset: offset })
  const store = {
    async *read(table: string) {
      const newest = ((await broker.bounds('market'))[HOME]?.end ?? 0) - 1
      if (table === 'trades') yield [of(newest), of(newest), of(newest)]
      else if (table === 'late') yield [of(1), of(1), of(1)]
      else yield [{ window_start_ts: 0, window_end_ts: NOW, n: newest === 1 ? 0 : 3 }]
    },
  } as unknown as Store
  const about = { broker, store, topic: 'market', symbol: SYMBOL, framing: 'raw', schemaId: 1, api: null } as const
  await probe({ ...about, copies: () => Promise.resolve() }, patience)
  expect((await broker.bounds('market'))[HOME]?.end).toBe(3)
})

test('copies that are not in step fail a probe at its end, after a minute, when the trades have gone through', async () => {
  await using broker = await openLog()
  const lines: string[] = []
  const clock = hurriedClock(NOW)
  const { signal } = new AbortController()
  const patience = patienceFor(600_000, { clock, signal, say: (line) => lines.push(line) })
  const copies = () =>
    Promise.reject(new StockpipeError('not-ready', '2 of 3 Kafka brokers are up', { retryable: true }))
  const window = { window_start_ts: 0, window_end_ts: NOW + 60_000, n: 3 }
  const own = { log_partition: HOME, log_offset: 0 }
  const store = {
    async *read(table: string) {
      yield table === 'trades' ? [own, own, own] : [window]
    },
  } as unknown as Store
  const about = { broker, store, topic: 'market', symbol: SYMBOL, framing: 'raw', schemaId: 1, api: null } as const
  const failed = probe({ ...about, copies }, patience)
  const error: unknown = await failed.catch((error: unknown) => error)
  expect(error).toMatchObject({
    message: 'the test trades did not pass the stage "copies"',
    why: '2 of 3 Kafka brokers are up, after 60 s',
  })
  expect(lines.filter((line) => line.includes(' ok ')).map((line) => line.split(' ')[0])).toEqual([
    'log',
    'trades',
    'candles',
  ])
  expect(clock.elapsed()).toBeLessThanOrEqual(60_000)
})

test('a producer that starts anew finds what the former one saw last, and no probe', async () => {
  await using broker = await openLog(frame([NOW - 60_000], { received: NOW - 60_000 }))
  const before = await lastDelivery(broker, 'market')
  const lines: string[] = []
  const patience = patienceFor(300, {
    clock: systemClock,
    signal: new AbortController().signal,
    say: (line) => lines.push(line),
  })
  const store = { async *read() {} } as unknown as Store
  const copies = () => Promise.resolve()
  const options = {
    broker,
    store,
    topic: 'market',
    symbol: SYMBOL,
    framing: 'raw',
    schemaId: 1,
    api: null,
    copies,
  } as const
  const error = await probe(options, patience).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(StockpipeError)
  expect(error).toMatchObject({ code: 'not-ready', message: 'the test trades did not pass the stage "trades"' })
  expect(lines).toEqual([expect.stringMatching(/^log +ok/)])
  expect((await broker.bounds('market'))[HOME]?.end).toBe(2)
  expect(await lastDelivery(broker, 'market')).toEqual(before)
})
