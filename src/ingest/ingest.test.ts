import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Feed, FeedEvent, Frame } from './feed.ts'
import { runProducer } from './ingest.ts'
import type { ProducerOptions } from './outbox.ts'
import { manualClock } from '../clock.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { decodeRecord } from '../stream/codec.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

async function producing() {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-ingest-'))
  const clock = manualClock(1_000_000)
  const broker = await openEmbeddedBroker({ path: join(folder, 'log.db'), clock, log: silentLog })
  const options: ProducerOptions = {
    broker,
    topic: 'market',
    partitions: 1,
    retention: { ms: null, bytes: null },
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health() },
    framing: 'raw',
    repeats: 'auto',
  }
  const appended = async () => {
    for await (const { records } of broker.read('market', 0, 0, new AbortController().signal))
      return records.map((record) => decodeRecord(record))
    return []
  }
  const close = async () => {
    await broker[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  }
  return { options, appended, [Symbol.asyncDispose]: close }
}

/** A recording whose first two trades are equal: the later ones tell that both are real. */
const frame = (seq: number): Frame => ({
  kind: 'frame',
  conn: 0,
  session: 'session',
  seq,
  received: 1_000 + seq * 400,
  text: JSON.stringify({ type: 'trade', data: [{ s: 'A', p: 1, t: 1_000 + Math.max(2, seq), v: 1 }] }),
  known: false,
})
const recording = [1, 2, 3, 4, 5, 6].map(frame)

const acknowledged = new Map<string, number>()
/** Gives some frames, then is stopped, or ends. */
const feedOf = (frames: readonly Frame[], stop?: AbortController, last: readonly FeedEvent[] = []): Feed => ({
  async *events() {
    yield frames
    stop?.abort()
    yield last
  },
  acknowledge: ({ session, seq }) => acknowledged.set(session, seq),
})

test('what a replay still holds when it is stopped is decided by the frames behind it, in the next run', async () => {
  await using producer = await producing()
  const stop = new AbortController()
  await runProducer(feedOf(recording.slice(0, 2), stop), producer.options, stop.signal)
  expect(await producer.appended()).toHaveLength(1)
  expect(acknowledged.get('session')).toBe(1)
  const resumed = recording.map((frame) => ({ ...frame, known: frame.seq <= 1 }))
  await runProducer(feedOf(resumed), producer.options, new AbortController().signal)
  const records = await producer.appended()
  expect(records.map(({ seq, repeats }) => [seq, repeats])).toEqual([1, 2, 3, 4, 5, 6].map((seq) => [seq, null]))
})

test('the end of a recording decides what is held', async () => {
  await using producer = await producing()
  await runProducer(feedOf(recording.slice(0, 2)), producer.options, new AbortController().signal)
  expect((await producer.appended()).map(({ repeats }) => repeats)).toEqual([null, [0]])
})

test('a live feed that is stopped closes its connection, and what is held is decided and kept', async () => {
  await using producer = await producing()
  const stop = new AbortController()
  const closed: FeedEvent = { kind: 'close', conn: 0, at: 2_000, reason: 'stopped', cause: null }
  await runProducer(feedOf(recording.slice(0, 2), stop, [closed]), producer.options, stop.signal)
  expect((await producer.appended()).map(({ repeats }) => repeats)).toEqual([null, [0]])
})

test.each([false, true])(
  'only a feed with a clock of its own is told to differ from ours (sent again: %p)',
  async (isSentAgain) => {
    await using producer = await producing()
    const open: FeedEvent = { kind: 'open', conn: 0, at: 1_000, skew: -5_000 }
    const watched = { symbols: ['A'], isSentAgain }
    const events = async function* () {
      yield [open, ...recording]
    }
    await runProducer({ watched, events, acknowledge: () => {} }, producer.options, new AbortController().signal)
    const told = await producer.options.context.metrics.registry.metrics()
    expect(told).toContain(`stockpipe_clock_offset_seconds ${isSentAgain ? 0 : -5}\n`)
  },
)
