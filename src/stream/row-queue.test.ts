import { expect, test } from 'bun:test'

import { RowQueue } from './row-queue.ts'
import { candleRow, gapRow, HOUR, latestRow, lateRow, rollupRow, windowRow } from './store.contract-rows.ts'
import { noRows } from './store.ts'
import type { RowSink } from './symbol-windows.ts'

const rows = (parts: Partial<RowSink>): RowSink => ({ ...noRows(), ...parts })
const second = (n: number, open = HOUR) => candleRow('A', { interval: '1s', open }, { n, stamp: open * 1000 + 4 * n })
const turn = () => new Promise(setImmediate)

/** A store whose writes end when the test says so. */
function heldStore() {
  const writes: { rows: RowSink; end: PromiseWithResolvers<void> }[] = []
  const queue = new RowQueue((written) => {
    const end = Promise.withResolvers<void>()
    writes.push({ rows: written, end })
    return end.promise
  })
  return { queue, writes }
}

test('one write is under way; of a row that waits only the fullest state is kept', async () => {
  const { queue, writes } = heldStore()
  queue.add(rows({ candles: [second(1)] }))
  for (const n of [2, 4, 3]) queue.add(rows({ candles: [second(n), second(1, HOUR + 1000)] }))
  expect(writes.length).toBe(1)
  writes[0]?.end.resolve()
  await turn()
  expect(writes[1]?.rows.candles.map(({ open_ts, n }) => [open_ts, n])).toEqual([
    [HOUR, 4],
    [HOUR + 1000, 1],
  ])
})

test('every kind of row goes through, and late trades and sums are never merged', async () => {
  const { queue, writes } = heldStore()
  queue.add(rows({ candles: [second(1)] }))
  const more = rows({
    windows: [windowRow('A', HOUR), windowRow('B', HOUR), windowRow('A', HOUR + 5000)],
    latest: [latestRow('A', HOUR), latestRow('A', HOUR + 1)],
    gaps: [1, 9, 5]
      .map((ms) => gapRow('A', HOUR, { to_ts: HOUR + ms }))
      .concat(gapRow('B', HOUR), gapRow('A', HOUR, { cause: 'stall' })),
    late: [lateRow('A', HOUR), lateRow('A', HOUR)],
    rollups: [rollupRow('A', HOUR), rollupRow('A', HOUR)],
  })
  queue.add(more)
  writes[0]?.end.resolve()
  await turn()
  const written = writes[1]?.rows
  expect(written?.windows).toEqual(more.windows)
  expect(written?.latest).toEqual(more.latest.slice(1))
  expect(written?.gaps).toEqual([more.gaps[1], more.gaps[3], more.gaps[4]] as never)
  expect([written?.late, written?.rollups, written?.trades]).toEqual([more.late, more.rollups, []])
})

test('settled waits for what was added before, not for what comes after', async () => {
  const { queue, writes } = heldStore()
  const order: string[] = []
  const settled = (name: string) => queue.settled().then(() => order.push(name))
  const nothing = settled('nothing')
  await nothing
  queue.add(rows({ candles: [second(1)] }))
  const first = settled('first')
  queue.add(rows({ candles: [second(2)] }))
  const both = settled('both')
  writes[0]?.end.resolve()
  await first
  queue.add(rows({ candles: [second(3)] }))
  expect(order).toEqual(['nothing', 'first'])
  writes[1]?.end.resolve()
  await both
})

test('the one who adds waits while too much waits', async () => {
  const { queue, writes } = heldStore()
  queue.add(rows({ candles: [second(1)] }))
  queue.add(rows({ candles: Array.from({ length: 5_001 }, (_, at) => second(1, HOUR + 1000 * at)) }))
  let hasRoom = false
  const room = queue.room().then(() => (hasRoom = true))
  await turn()
  expect(hasRoom).toBe(false)
  writes[0]?.end.resolve()
  await room
})

test('a failure reaches everyone who waits, and nothing more is written', async () => {
  const { queue, writes } = heldStore()
  queue.add(rows({ candles: [second(1)] }))
  queue.add(rows({ candles: [second(2)] }))
  const waiting = queue.settled().catch((error: unknown) => error)
  writes[0]?.end.reject(new Error('the end'))
  expect(await waiting).toMatchObject({ message: 'the end' })
  queue.add(rows({ candles: [second(3)] }))
  expect(writes.length).toBe(1)
  expect(await queue.room().catch((error: unknown) => error)).toMatchObject({ message: 'the end' })
})

test('rows of different times and symbols are different rows, however the names begin', async () => {
  const { queue, writes } = heldStore()
  queue.add(rows({ candles: [second(1)] }))
  queue.add(
    rows({
      windows: [windowRow('0X', 5_000), windowRow('X', 50_000)],
      candles: [
        candleRow('0X', { interval: '1s', open: 5_000 }, { stamp: 1 }),
        candleRow('X', { interval: '1s', open: 50_000 }, { stamp: 1 }),
      ],
    }),
  )
  writes[0]?.end.resolve()
  await turn()
  expect(writes[1]?.rows.windows.map(({ symbol }) => symbol)).toEqual(['0X', 'X'])
  expect(writes[1]?.rows.candles.map(({ symbol }) => symbol)).toEqual(['0X', 'X'])
})
