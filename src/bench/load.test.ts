import { expect, test } from 'bun:test'

import { dueRecords } from './load.ts'
import { pollPause, probeSymbols } from './probe.ts'
import { Slots } from './slots.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'

test('a load sends by the time that has passed, so that a late tick catches up', () => {
  const plan = { rate: 10_000, perRecord: 10 }
  expect(dueRecords(0, plan)).toBe(0)
  expect(dueRecords(0.9, plan)).toBe(0)
  expect(dueRecords(1, plan)).toBe(1)
  expect(dueRecords(250, plan)).toBe(250)
  expect(dueRecords(20_000, { rate: 1_000, perRecord: 1 })).toBe(20_000)
})

test('every partition has a probe symbol of its own that Kafka would put there', () => {
  for (const partitions of [1, 12, 30])
    expect(probeSymbols(partitions).map((symbol) => partitionOf(symbol, partitions))).toEqual(
      Array.from({ length: partitions }, (_, partition) => partition),
    )
})

test('a probe is asked for every 2 ms, and less often the longer it waits', () => {
  expect([0, 10, 50, 100, 5_000].map(pollPause)).toEqual([2, 2, 2, 4, 200])
})

test('no more work runs at once than there are slots, all of it runs, and a failure frees its slot', async () => {
  const slots = new Slots(3)
  let running = 0
  let most = 0
  const work = async (n: number) => {
    most = Math.max(most, ++running)
    await Bun.sleep(1)
    running--
    if (n % 5 === 0) throw new Error(String(n))
    return n
  }
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => slots.run(() => work(n))))
  expect(most).toBe(3)
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(4)
  expect(await slots.run(() => Promise.resolve('free'))).toBe('free')
})
