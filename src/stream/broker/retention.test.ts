import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Broker, NewRecord, TopicSpec } from '../broker.ts'
import { openEmbeddedBroker } from './embedded.ts'
import { type Clock, manualClock, systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'

const root = mkdtempSync(join(tmpdir(), 'stockpipe-retention-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let files = 0
const newPath = (): string => join(root, `${++files}.db`)
const MINUTE = 60_000
const never = new AbortController().signal

async function open(path: string, clock: Clock, spec: Partial<TopicSpec> = {}): Promise<Broker> {
  const broker = await openEmbeddedBroker({ path, clock, log: silentLog })
  await broker.createTopic({ name: 't', partitions: 1, ...spec })
  return broker
}
const records = (count: number, { size = 10, partition = 0, key = 'A' } = {}): NewRecord[] =>
  Array.from({ length: count }, () => ({ key, value: new Uint8Array(size), headers: {}, partition }))
/** Retention runs behind the appends of the same turn: one more turn, and it is done. */
const append = async (broker: Broker, more: readonly NewRecord[]): Promise<void> => {
  await broker.append('t', more)
  await new Promise((resolve) => setImmediate(resolve))
}

test('records older than allowed go, and a reader starts at the first that is left', async () => {
  const clock = manualClock(1_000_000)
  await using broker = await open(newPath(), clock, { retentionMs: 10 * MINUTE })
  await append(broker, records(3))
  clock.advance(6 * MINUTE)
  await append(broker, records(2))
  clock.advance(6 * MINUTE)
  await append(broker, records(1))
  expect(await broker.bounds('t')).toEqual([{ start: 3, end: 6 }])
  for await (const batch of broker.read('t', 0, 0, never)) {
    expect(batch.records.map(({ offset }) => offset)).toEqual([3, 4, 5])
    break
  }
})

test('an offset is never used twice, even when nothing is left and the log is opened again', async () => {
  const path = newPath()
  const clock = manualClock(1_000_000)
  const spec = { partitions: 2, retentionMs: MINUTE }
  {
    await using broker = await open(path, clock, spec)
    await append(broker, records(4))
    clock.advance(10 * MINUTE)
    await append(broker, records(1, { partition: 1 }))
    expect(await broker.bounds('t')).toEqual([
      { start: 4, end: 4 },
      { start: 0, end: 1 },
    ])
  }
  await using broker = await open(path, clock, spec)
  expect(await broker.append('t', records(1))).toEqual([{ partition: 0, offset: 4, duplicate: false }])
})

test('the oldest records of all partitions go when there are too many bytes', async () => {
  const clock = manualClock(1_000_000)
  await using broker = await open(newPath(), clock, { partitions: 2, retentionBytes: 100_000 })
  await append(broker, records(50, { size: 1_000, partition: 0 }))
  clock.advance(MINUTE)
  await append(broker, records(70, { size: 1_000, partition: 1, key: '🚀' }))
  const [first, second] = await broker.bounds('t')
  expect(first?.start).toBeGreaterThan(20)
  expect(first?.start).toBeLessThan(50)
  expect(second).toEqual({ start: 0, end: 70 })
})

test('what is left is counted right however often records came and went', async () => {
  const clock = manualClock(1_000_000)
  await using broker = await open(newPath(), clock, { retentionBytes: 100_000 })
  const kept: number[] = []
  for (let round = 0; round < 20; round++) {
    await append(broker, records(100, { size: 900, key: 'ключ🚀' }))
    const [{ start, end } = { start: 0, end: 0 }] = await broker.bounds('t')
    kept.push(end - start)
    clock.advance(MINUTE)
  }
  expect(new Set(kept.slice(2)).size).toBe(1)
  expect(kept.at(-1)).toBeGreaterThan(90)
})

test('it keeps up with appends that never pause, and the file stays small', async () => {
  const path = newPath()
  await using broker = await open(path, systemClock, { retentionBytes: 2_000_000 })
  let pending = Promise.resolve<unknown>(undefined)
  for (let call = 0; call < 40; call++) {
    const next = broker.append('t', records(1_000, { size: 200 }))
    await pending
    pending = next
  }
  await pending
  await append(broker, records(1))
  const [bounds] = await broker.bounds('t')
  expect(bounds?.end).toBe(40_001)
  expect(statSync(path).size).toBeLessThan(12_000_000)
})

test('age is looked at once a minute', async () => {
  const clock = manualClock(1_000_000)
  await using broker = await open(newPath(), clock, { retentionMs: 1_000 })
  await append(broker, records(1))
  clock.advance(MINUTE - 1)
  await append(broker, records(1))
  expect(await broker.bounds('t')).toEqual([{ start: 0, end: 2 }])
  clock.advance(1)
  await append(broker, records(1))
  expect(await broker.bounds('t')).toEqual([{ start: 1, end: 3 }])
})

test('a log that grows fast is cut within the minute', async () => {
  await using broker = await open(newPath(), manualClock(1_000_000), { retentionBytes: 100_000 })
  for (let round = 0; round < 10; round++) await append(broker, records(100, { size: 900 }))
  const [{ start, end } = { start: 0, end: 0 }] = await broker.bounds('t')
  expect(end).toBe(1_000)
  expect(end - start).toBeLessThanOrEqual(105)
})
