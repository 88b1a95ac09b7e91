import { expect, test } from 'bun:test'

import { memoryStore } from '../../test/memory.ts'
import { partitionOf } from './broker/partitioner.ts'
import { retentionGaps, retentionLoss } from './retention-gap.ts'

const T0 = 1_700_000_000_000
const SYMBOLS = ['A', 'B', 'C', 'D', 'E', 'F']
const own = (partition: number) => SYMBOLS.filter((symbol) => partitionOf(symbol, 2) === partition)

function storeThatGotTo(times: Readonly<Record<string, number>>) {
  const memory = memoryStore()
  const rest = { price: 1, volume: 1, received_ts: null, day_open: null, change: null, change_percent: null }
  for (const [symbol, trade_ts] of Object.entries(times))
    memory.latest.set(symbol, { symbol, ...rest, trade_ts, stamp: trade_ts * 1000 })
  return memory.store
}

const place = (partition: number) => ({ partition, partitions: 2, watermark: null, delay: 15_000 })

test('what is lost begins at the watermark of the last commit, of every symbol of the partition and of no other', async () => {
  const store = storeThatGotTo(Object.fromEntries(SYMBOLS.map((symbol, index) => [symbol, T0 + index])))
  expect([own(0).length, own(1).length].every((count) => count > 0)).toBe(true)
  for (const partition of [0, 1]) {
    const lost = await retentionLoss(store, { ...place(partition), watermark: T0 - 99_000 })
    expect(lost).toEqual({ symbols: own(partition), from: T0 - 99_000 })
  }
})

test('without a commit it begins where the newest price of the partition had closed the windows', async () => {
  const store = storeThatGotTo(Object.fromEntries(SYMBOLS.map((symbol, index) => [symbol, T0 + index])))
  for (const partition of [0, 1])
    expect(await retentionLoss(store, place(partition))).toEqual({
      symbols: own(partition),
      from: T0 + SYMBOLS.indexOf(own(partition).at(-1) ?? '') - 15_000,
    })
})

test('of a partition that the store knows nothing of nothing is lost', async () => {
  const store = storeThatGotTo(Object.fromEntries(own(1).map((symbol) => [symbol, T0])))
  expect(await retentionLoss(store, { ...place(0), watermark: T0 })).toBeNull()
  expect(await retentionLoss(store, place(0))).toBeNull()
})

test('the gap ends where windows are written again; none where the store got further', () => {
  const lost = { symbols: ['A', 'B'], from: T0 }
  expect(retentionGaps(lost, T0 + 1).map(({ symbol, from, to, cause }) => [symbol, from, to, cause])).toEqual([
    ['A', T0, T0 + 1, 'retention'],
    ['B', T0, T0 + 1, 'retention'],
  ])
  expect(retentionGaps(lost, T0)).toEqual([])
})
