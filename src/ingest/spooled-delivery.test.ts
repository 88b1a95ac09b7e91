import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { laboratory } from './spooled-delivery.fixture.ts'
import { StockpipeError } from '../errors.ts'
import { deadLetterTopic } from '../stream/topics.ts'

const HOUR = 3_600_000
const named = (name: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${name}${from + index}`)

test('with the log in order nothing is written to the disk', async () => {
  await using lab = await laboratory()
  const producer = lab.start('a')
  producer.give(3)
  await producer.taken()
  producer.give(2)
  await producer.taken()
  expect([await lab.order(), producer.spool?.topics]).toEqual([named('a', 1, 5), []])
  await producer.stop()
  expect(lab.lines.filter(({ event }) => event.startsWith('spool.'))).toEqual([])
})

test('while the log is away frames are taken, and come into it once and in order, live ones behind them', async () => {
  await using lab = await laboratory()
  const producer = lab.start('a')
  producer.give(3)
  await producer.taken()
  lab.state.log = 'away'
  for (let n = 0; n < 50; n++) {
    producer.give(40)
    await producer.taken()
  }
  expect([await lab.order(), producer.spool?.records]).toEqual([named('a', 1, 3), 2_000])
  expect(await producer.options.context.metrics.registry.metrics()).toMatch(/stockpipe_spool_bytes [1-9]/)
  lab.state.log = 'fine'
  // Between any two steps of the draining comes a new frame.
  await lab.until(() => {
    producer.give(1)
    return lab.lines.some(({ event }) => event === 'spool.drained')
  })
  producer.give(5)
  await producer.taken()
  const order = await lab.order()
  expect(order).toEqual(named('a', 1, order.length))
  expect([order.length > 2_050, lab.state.duplicates, producer.spool?.isEmpty]).toEqual([true, 0, true])
  await producer.stop()
})

test('what was under way when the log fell away is appended as the same call, not as another one', async () => {
  await using lab = await laboratory()
  const producer = lab.start('a')
  producer.give(1)
  await producer.taken()
  lab.state.log = 'lost'
  producer.give(2)
  await producer.taken()
  const first = lab.state.appends.find(({ length }) => length === 2)
  await lab.until(() => lab.state.appends.length > 6)
  expect(lab.state.appends.slice(-3).every((records) => records === first)).toBe(true)
  lab.state.log = 'fine'
  await lab.until(() => producer.spool?.isEmpty === true)
  expect(await lab.order()).toEqual(named('a', 1, 3))
  await producer.stop()
})

test('messages that are no trades wait too, and hold nothing up', async () => {
  await using lab = await laboratory()
  const producer = lab.start('a')
  producer.give(1)
  await producer.taken()
  lab.state.log = 'away'
  producer.bad()
  producer.give(1)
  await producer.taken()
  lab.state.log = 'fine'
  await lab.until(async () => (await lab.order()).length === 2)
  const [letters] = await lab.real.bounds(deadLetterTopic('market'))
  expect([await lab.order(), letters?.end]).toEqual([['a1', 'a3'], 1])
  await producer.stop()
})

test('a stop while the log is away keeps the frames, says how many, and the next start sends them first', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(2)
  await first.taken()
  const last = lab.clock.now()
  lab.state.log = 'away'
  lab.clock.advance(1_000)
  first.give(2)
  await first.taken()
  const spooled = lab.clock.now()
  first.give(1)
  await first.stop()
  expect(lab.lines.find(({ event }) => event === 'spool.kept')).toMatchObject({ records: 3 })
  expect(first.acknowledged).toEqual([1, 2, 3, 4, 5])
  lab.state.log = 'fine'
  lab.clock.advance(5_000)
  const second = lab.start('b')
  second.give(2)
  await second.taken()
  await lab.until(() => second.spool?.isEmpty === true)
  const order = await lab.order()
  expect(order.filter((name) => !name.startsWith('restart'))).toEqual([...named('a', 1, 5), 'b1', 'b2'])
  const [gap] = (await lab.records()).flatMap(({ gap }) => gap ?? [])
  expect(gap).toMatchObject({ cause: 'restart', symbol: 'A' })
  expect(gap?.from).toBeGreaterThan(last)
  expect(gap?.from).toBeGreaterThanOrEqual(spooled - 100)
  expect(order.findIndex((name) => name.startsWith('restart'))).toBe(5)
  await second.stop()
})

test('killed while frames wait, and again while they are sent: each is in the log once, with its own name', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(1)
  await first.taken()
  lab.state.log = 'away'
  for (let n = 0; n < 30; n++) {
    first.give(100)
    await first.taken()
  }
  first.kill()
  // Takes some, and answers nothing.
  lab.state.log = 'lost'
  const second = lab.start('b')
  await lab.until(() => lab.state.appends.length > 45)
  second.kill()
  lab.state.log = 'fine'
  const third = lab.start('c')
  await lab.until(() => third.spool?.isEmpty === true)
  const order = await lab.order()
  expect(order.filter((name) => !name.startsWith('restart'))).toEqual(named('a', 1, 3_001))
  expect(lab.state.duplicates).toBeGreaterThan(0)
  await third.stop()
})

test('a start without the log takes frames after a moment, and they come behind what was there, with the gap', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(2)
  await first.taken()
  const last = (await lab.records()).at(-1)?.received ?? 0
  await first.stop()
  lab.state.log = 'away'
  lab.clock.advance(60_000)
  const second = lab.start('b')
  await lab.until(() => second.spool?.topics.length === 0 && lab.lines.some(({ event }) => event === 'log.retrying'))
  lab.clock.advance(3_000)
  second.give(2)
  await second.taken()
  expect(second.spool?.records).toBe(2)
  const received = Number(second.spool?.oldest('market')?.headers['received'])
  lab.state.log = 'fine'
  await lab.until(() => second.spool?.isEmpty === true)
  const order = await lab.order()
  expect(order.map((name) => name.replace(/ .*/, ''))).toEqual(['a1', 'a2', 'restart', 'b1', 'b2'])
  const [gap] = (await lab.records()).flatMap(({ gap }) => gap ?? [])
  expect([gap?.from, gap?.to]).toEqual([last, received])
  await second.stop()
})

test('a restart with the log in order is a gap from the last frame in it to the first one now', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(2)
  await first.taken()
  const last = (await lab.records()).at(-1)?.received ?? 0
  await first.stop()
  lab.clock.advance(30_000)
  for (const spool of [undefined, null]) {
    const next = lab.start(spool === null ? 'c' : 'b', spool === null ? { spool } : {})
    next.give(1)
    await next.taken()
    await next.stop()
  }
  const gaps = (await lab.records()).flatMap(({ gap }) => gap ?? [])
  expect(gaps.map(({ cause, from }) => [cause, from])).toEqual([
    ['restart', last],
    ['restart', gaps[0]?.to ?? 0],
  ])
  expect((await lab.order()).map((name) => name.replace(/ .*/, ''))).toEqual([
    'a1',
    'a2',
    'restart',
    'b1',
    'restart',
    'c1',
  ])
})

test('killed while only what is no trade waits: the restart is a gap from the last frame in the log', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(1)
  await first.taken()
  const last = (await lab.records()).at(-1)?.received ?? 0
  lab.state.log = 'away'
  first.bad()
  await first.taken()
  expect(first.spool?.newest('market')).toBeNull()
  expect(first.spool?.records).toBe(1)
  first.kill()
  lab.state.log = 'fine'
  lab.clock.advance(30_000)
  const second = lab.start('b')
  await lab.until(() => second.spool?.isEmpty === true)
  second.give(1)
  await second.taken()
  const [gap] = (await lab.records()).flatMap(({ gap }) => gap ?? [])
  expect(gap).toMatchObject({ cause: 'restart', from: last })
  expect((await lab.order()).map((name) => name.replace(/ .*/, ''))).toEqual(['a1', 'restart', 'b1'])
  await second.stop()
})

test('what has waited for more than 12 h is not sent: that is a gap', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(1)
  await first.taken()
  lab.state.log = 'away'
  first.give(3)
  await first.taken()
  const oldest = Number(first.spool?.oldest('market')?.headers['received'])
  lab.clock.advance(10 * HOUR)
  first.give(2)
  await first.taken()
  const young = Number(first.spool?.newest('market')?.headers['received'])
  first.kill()
  lab.clock.advance(3 * HOUR)
  lab.state.log = 'fine'
  const second = lab.start('b')
  await lab.until(() => second.spool?.isEmpty === true)
  const order = await lab.order()
  expect(order.filter((name) => /^[ab]/.test(name))).toEqual(['a1', 'a5', 'a6'])
  expect(order).toContain(`overflow ${oldest}-${young} A`)
  expect(order.indexOf(`overflow ${oldest}-${young} A`)).toBeLessThan(order.indexOf('a5'))
  expect(lab.lines.find(({ event }) => event === 'spool.too_old')).toMatchObject({ records: 3 })
  await second.stop()
})

type Laboratory = Awaited<ReturnType<typeof laboratory>>

/** Until it says that nothing more fits. */
async function fill(lab: Laboratory, producer: ReturnType<Laboratory['start']>): Promise<void> {
  const isFull = () => producer.options.context.health.reason('spool') !== null
  while (!isFull()) {
    producer.give(5)
    await lab.until(() => producer.isTaken() || isFull())
  }
}

test('a full spool makes the feed wait, says so, and goes on when the log takes some of it', async () => {
  await using lab = await laboratory({ limit: 20_000 })
  const producer = lab.start('a')
  producer.give(1)
  await producer.taken()
  lab.state.log = 'away'
  await fill(lab, producer)
  producer.give(900)
  expect(producer.options.context.health.reason('spool')).toContain('the spool is full')
  expect(producer.isTaken()).toBe(false)
  expect(producer.spool?.bytes).toBeLessThanOrEqual(20_000)
  lab.state.log = 'fine'
  await producer.taken()
  await lab.until(() => producer.spool?.isEmpty === true)
  const order = await lab.order()
  expect([order, lab.state.duplicates]).toEqual([named('a', 1, order.length), 0])
  expect(order.length).toBeGreaterThan(901)
  expect(producer.options.context.health.reason('spool')).toBeNull()
  expect(lab.lines.filter(({ event }) => event === 'spool.retrying')).toHaveLength(1)
  await producer.stop()
})

test('what fits nowhere at the stop is an error', async () => {
  await using lab = await laboratory({ limit: 20_000 })
  const producer = lab.start('a')
  producer.give(1)
  await producer.taken()
  lab.state.log = 'away'
  await fill(lab, producer)
  const error = await producer.stop().catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StockpipeError)
  expect((error as StockpipeError).code).toBe('disk-full')
})

test('a disk that takes nothing: the producer waits for the log as it would without a spool', async () => {
  await using lab = await laboratory()
  const producer = lab.start('a')
  producer.give(1)
  await producer.taken()
  const { spool } = producer
  const full = new StockpipeError('disk-full', 'the disk is full', { retryable: true })
  if (spool !== null)
    spool.append = () => {
      throw full
    }
  lab.state.log = 'away'
  producer.give(2)
  await lab.until(() => producer.options.context.health.reason('spool') === 'the disk is full')
  producer.give(2)
  expect(producer.isTaken()).toBe(false)
  lab.state.log = 'fine'
  await producer.taken()
  expect([await lab.order(), lab.state.duplicates]).toEqual([named('a', 1, 5), 0])
  await producer.stop()
})

test('a spool that is damaged gives what is whole; the rest is a gap up to the next frame', async () => {
  await using lab = await laboratory()
  const first = lab.start('a')
  first.give(1)
  await first.taken()
  lab.state.log = 'away'
  for (let n = 0; n < 20; n++) {
    lab.clock.advance(1_000)
    first.give(300)
    await first.taken()
  }
  first.kill()
  const path = join(lab.folder, 'spool.db')
  const bytes = readFileSync(path)
  bytes.fill(0xee, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 100_000)
  writeFileSync(path, bytes)
  lab.state.log = 'fine'
  const second = lab.start('b')
  await lab.until(() => lab.lines.some(({ event }) => event === 'spool.damaged'))
  second.give(1)
  await second.taken()
  const order = await lab.order()
  const sent = order.filter((name) => name.startsWith('a'))
  expect(sent).toEqual(named('a', 1, sent.length))
  expect(sent.length).toBeGreaterThan(1_000)
  expect(order.at(-1)).toBe('b1')
  const frames = await lab.records()
  const gap = frames.findLast(({ gap }) => gap !== null)?.gap
  const lastSent = frames.findLast(({ session }) => session === 'a')?.received
  expect(gap).toMatchObject({ cause: 'overflow', from: lastSent, detail: 'the spool was damaged' })
  expect(gap?.to).toBe(frames.at(-1)?.received ?? 0)
  await second.stop()
})

test('what no waiting cures ends the producer, also while no frame comes', async () => {
  await using lab = await laboratory()
  const refusal = new StockpipeError('origin', 'the topic holds replay data')
  const producer = lab.start('a', { prepare: () => Promise.reject(refusal) })
  await lab.until(() => producer.error() !== null)
  expect(producer.error()).toBe(refusal)
})
