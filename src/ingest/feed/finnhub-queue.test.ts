import { expect, test } from 'bun:test'

import { manualClock } from '../../clock.ts'
import type { Frame, Lost } from '../feed.ts'
import { FeedQueue } from './finnhub-queue.ts'

const frame = (seq: number, text = 'x'): Frame => ({
  kind: 'frame',
  conn: 0,
  session: 's',
  seq,
  received: seq * 10,
  text,
  known: false,
})

function queueOf(frames: number, characters = 1_000) {
  const began: number[] = []
  const ended: Lost[] = []
  const listener = { began: (from: number) => void began.push(from), ended: (loss: Lost) => void ended.push(loss) }
  return { queue: new FeedQueue({ frames, characters }, listener), began, ended }
}

test('what comes is taken at once, in order', () => {
  const { queue } = queueOf(10)
  queue.note({ kind: 'open', conn: 0, at: 1, skew: null })
  queue.frame(frame(1), 10)
  queue.frame(frame(2), 20)
  expect(queue.take().map((event) => (event.kind === 'frame' ? event.seq : event.kind))).toEqual(['open', 1, 2])
  expect(queue.isEmpty).toBe(true)
})

test('a full queue drops frames, keeps the news, and tells from when to when and how many', () => {
  const { queue, began, ended } = queueOf(2)
  for (const seq of [1, 2, 3, 4, 5]) queue.frame(frame(seq), seq * 10)
  queue.note({ kind: 'close', conn: 0, at: 60, reason: 'x', cause: 'outage' })
  expect([began, ended]).toEqual([[30], []])
  const lost = { kind: 'lost' as const, from: 30, to: 50, frames: 3 }
  expect(queue.take()).toEqual([frame(1), frame(2), lost, expect.objectContaining({ kind: 'close' })])
  queue.frame(frame(6), 60)
  expect(ended).toEqual([lost])
  queue.endLoss()
  expect(ended.length).toBe(1)
})

test('a loss lasts until the reader comes, also when a small frame would fit', () => {
  const { queue, began, ended } = queueOf(100, 10)
  queue.frame(frame(1, 'x'.repeat(8)), 10)
  for (const [seq, size] of [5, 1, 5, 1].entries()) queue.frame(frame(seq + 2, 'x'.repeat(size)), (seq + 2) * 10)
  expect([began, ended]).toEqual([[20], []])
  expect(queue.take().map(({ kind }) => kind)).toEqual(['frame', 'lost'])
  expect(ended).toEqual([{ kind: 'lost', from: 20, to: 50, frames: 4 }])
})

test('long texts fill it too', () => {
  const { queue, began } = queueOf(100, 10)
  queue.frame(frame(1, 'x'.repeat(10)), 10)
  queue.frame(frame(2), 20)
  expect(began).toEqual([20])
})

test('waiting ends with an event, with a call, or with time', async () => {
  const clock = manualClock()
  const { queue } = queueOf(10)
  const first = queue.wait(clock, 200)
  queue.frame(frame(1), 10)
  await first
  await queue.wait(clock, 200)
  queue.take()
  const second = queue.wait(clock, 200)
  queue.wake()
  await second
  const third = queue.wait(clock, 200)
  clock.advance(200)
  await third
})
