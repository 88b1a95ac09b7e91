import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Broker, NewRecord } from '../broker.ts'
import { EmbeddedBroker, openEmbeddedBroker } from './embedded.ts'
import { LogFile } from './log-file.ts'
import { brokerContract } from '../broker.contract.ts'
import { type Clock, manualClock, systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { openDatabase } from '../sqlite.ts'
import schema from './schema.sql' with { type: 'text' }

const root = mkdtempSync(join(tmpdir(), 'stockpipe-log-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let files = 0
const newPath = (): string => join(root, `${++files}.db`)
const open = (path: string, clock: Clock = systemClock): Promise<Broker> =>
  openEmbeddedBroker({ path, clock, log: silentLog })
const never = new AbortController().signal

const plain = (count: number, size = 10): NewRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    key: 'AAPL',
    value: new Uint8Array(size).fill(index),
    headers: {},
    partition: 0,
  }))
const named = (session: string, seq: number, k = 0): NewRecord => ({
  key: 'AAPL',
  value: Buffer.from(`${session}/${seq}/${k}`),
  headers: { session, seq: String(seq), k: String(k) },
})
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  )
async function firstBatch(broker: Broker, offset: number) {
  for await (const batch of broker.read('t', 0, offset, never)) return batch
  throw new Error('no batch')
}

brokerContract('the embedded log', async () => {
  const path = newPath()
  const broker = await open(path)
  return {
    broker,
    connect: () => openEmbeddedBroker({ path, clock: systemClock, log: silentLog, readonly: true }),
    close: async () => broker[Symbol.asyncDispose](),
  }
})

test('a record sent again is recognised, also within a call and after a restart, and takes no offset', async () => {
  const path = newPath()
  {
    await using broker = await open(path)
    await broker.createTopic({ name: 't', partitions: 1 })
    expect(await broker.append('t', [named('s', 1), named('s', 1), named('s', 1, 1), named('other', 1)])).toEqual([
      { partition: 0, offset: 0, duplicate: false },
      { partition: 0, offset: 0, duplicate: true },
      { partition: 0, offset: 1, duplicate: false },
      { partition: 0, offset: 2, duplicate: false },
    ])
  }
  await using broker = await open(path)
  expect(await broker.append('t', [named('s', 1, 1), named('s', 2)])).toEqual([
    { partition: 0, offset: 1, duplicate: true },
    { partition: 0, offset: 3, duplicate: false },
  ])
  expect((await firstBatch(broker, 0)).records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3])
})

test('names are apart for each topic, and a duplicate is found in the partition that holds it', async () => {
  await using broker = await open(newPath())
  await broker.createTopic({ name: 't', partitions: 2 })
  await broker.createTopic({ name: 'u', partitions: 1 })
  await broker.append('t', [{ ...named('s', 1), partition: 1 }])
  expect(await broker.append('u', [named('s', 1)])).toMatchObject([{ duplicate: false }])
  expect(await broker.append('t', [{ ...named('s', 1), partition: 0 }])).toEqual([
    { partition: 1, offset: 0, duplicate: true },
  ])
})

test('records without a name are never duplicates', async () => {
  await using broker = await open(newPath())
  await broker.createTopic({ name: 't', partitions: 1 })
  const same = { ...named('s', 1), headers: { session: 's', seq: '1' } }
  expect((await broker.append('t', [same, same])).map(({ duplicate }) => duplicate)).toEqual([false, false])
})

test('a topic made while an append waits costs nothing', async () => {
  await using broker = await open(newPath())
  await broker.createTopic({ name: 't', partitions: 1 })
  const waiting = broker.append('t', plain(2))
  await broker.createTopic({ name: 'u', partitions: 1 })
  await waiting
  expect(await broker.append('t', plain(2))).toMatchObject([
    { offset: 2, duplicate: false },
    { offset: 3, duplicate: false },
  ])
})

test('everything is there after closing and opening again, what was not awaited too', async () => {
  const path = newPath()
  {
    await using broker = await open(path)
    await broker.createTopic({ name: 't', partitions: 1 })
    void broker.append('t', plain(5))
  }
  await using broker = await open(path)
  expect(await broker.bounds('t')).toEqual([{ start: 0, end: 5 }])
})

test('every acknowledged record survives kill -9, at offsets without holes', async () => {
  const path = newPath()
  const program = `
    import { openEmbeddedBroker } from ${JSON.stringify(join(import.meta.dir, 'embedded.ts'))}
    import { systemClock } from ${JSON.stringify(join(import.meta.dir, '../../clock.ts'))}
    import { silentLog } from ${JSON.stringify(join(import.meta.dir, '../../telemetry.ts'))}
    const broker = await openEmbeddedBroker({ path: ${JSON.stringify(path)}, clock: systemClock, log: silentLog })
    await broker.createTopic({ name: 't', partitions: 1 })
    for (let seq = 0; ; seq++) {
      const records = Array.from({ length: 20 }, (_, k) =>
        ({ key: 'A', value: new Uint8Array(200), headers: { session: 's', seq: String(seq), k: String(k) } }))
      const appended = await broker.append('t', records)
      process.stdout.write(appended.at(-1).offset + '\\n')
    }`
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'inherit' })
  let output = ''
  for await (const chunk of child.stdout) {
    output += Buffer.from(chunk).toString()
    if (output.split('\n').length > 50) child.kill('SIGKILL')
  }
  await child.exited
  const acknowledged = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1))
  await using broker = await open(path)
  const [bounds] = await broker.bounds('t')
  expect(acknowledged).toBeGreaterThanOrEqual(999)
  expect(bounds?.end).toBeGreaterThan(acknowledged)
  const offsets: number[] = []
  for await (const { records, end } of broker.read('t', 0, 0, never)) {
    offsets.push(...records.map(({ offset }) => offset))
    if (offsets.length >= end) break
  }
  expect(offsets).toEqual(Array.from({ length: bounds?.end ?? 0 }, (_, index) => index))
  expect(await broker.append('t', [named('s', 0, 5)])).toEqual([{ partition: 0, offset: 5, duplicate: true }])
})

test('a full disk undoes the call, says that it may pass, and the same call works once there is space', async () => {
  const path = newPath()
  const database = openDatabase({ path, clock: systemClock, migrations: [{ version: 1, sql: schema }] })
  await using broker = new EmbeddedBroker(new LogFile(database), { path, clock: systemClock, log: silentLog })
  await broker.createTopic({ name: 't', partitions: 1 })
  await broker.append('t', plain(10))
  database.run('PRAGMA max_page_count = 100')
  const records = [named('s', 1), ...plain(1_000, 1_000)]
  const results = await Promise.allSettled([broker.append('t', records), broker.append('t', plain(1))])
  for (const result of results)
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'disk-full', retryable: true } })
  expect(await broker.bounds('t')).toEqual([{ start: 0, end: 10 }])
  database.run('PRAGMA max_page_count = 1000000')
  expect((await broker.append('t', records))[0]).toEqual({ partition: 0, offset: 10, duplicate: false })
  expect((await firstBatch(broker, 0)).records.map(({ offset }) => offset).slice(8, 12)).toEqual([8, 9, 10, 11])
})

test('timestamps do not go back when the clock does', async () => {
  const path = newPath()
  const times = [5_000, 3_000]
  const clock: Clock = { ...systemClock, now: () => times[0] ?? 0 }
  await using broker = await open(path, clock)
  await broker.createTopic({ name: 't', partitions: 1 })
  await broker.append('t', plain(1))
  times.shift()
  await broker.append('t', plain(1))
  expect((await firstBatch(broker, 0)).records.map(({ timestamp }) => timestamp)).toEqual([5_000, 5_000])
})

test('a second member of a group is refused, and may join once the first has left', async () => {
  await using broker = await open(newPath())
  await broker.createTopic({ name: 't', partitions: 1 })
  const join = (abort: AbortController) => broker.join('t', 'g', abort.signal)[Symbol.asyncIterator]()
  const abort = new AbortController()
  const first = join(abort)
  await first.next()
  expect(await failureOf(join(new AbortController()).next())).toMatchObject({ code: 'internal' })
  abort.abort()
  expect((await first.next()).done).toBe(true)
  const again = join(new AbortController())
  expect((await again.next()).value).toMatchObject({ partition: 0 })
  await again.return?.()
})

test('closing the log ends its readers', async () => {
  const broker = await open(newPath(), manualClock())
  await broker.createTopic({ name: 't', partitions: 1 })
  const waiting = broker.read('t', 0, 0, never)[Symbol.asyncIterator]().next()
  await broker[Symbol.asyncDispose]()
  expect((await waiting).done).toBe(true)
})

test('a file that is not there cannot be read', async () => {
  const opening = openEmbeddedBroker({ path: newPath(), clock: systemClock, log: silentLog, readonly: true })
  expect(await failureOf(opening)).toMatchObject({ code: 'data-dir' })
})
