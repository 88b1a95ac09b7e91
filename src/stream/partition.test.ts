import { expect, test } from 'bun:test'

import type { LogRecord } from './broker.ts'
import { partitionOf } from './broker/partitioner.ts'
import { encodeValue } from './codec.ts'
import { Partition } from './partition.ts'

const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
const entry = (s: string) => ({ c: null, p: 1, s, t: 1_000, v: 1 })
const foreign = (offset: number, ...symbols: string[]): LogRecord => ({
  offset,
  timestamp: 1_000,
  key: null,
  value: encodeValue(symbols.map(entry), 'raw'),
  headers: {},
})

test("another producer's symbol in a partition that is not its own is told once", () => {
  const own = partitionOf('AAPL', 12)
  const start = { partition: own, incarnation: 1, truncated: false, committed: null, partitions: 12 }
  const partition = new Partition(WINDOWS, start)
  const fold = (...records: LogRecord[]) => partition.fold({ records, end: 9, startedAt: 0, endedAt: 0 })
  const stranger = Array.from({ length: 50 }, (_, at) => `S${at}`).find((name) => partitionOf(name, 12) !== own) ?? ''
  expect(fold(foreign(0, 'AAPL')).misplaced).toBeNull()
  expect(fold(foreign(1, 'AAPL', stranger)).misplaced).toBe(stranger)
  expect(fold(foreign(2, 'AAPL', stranger)).misplaced).toBeNull()
  expect(partition.take({ flush: true }).trades.map(({ symbol }) => symbol)).toEqual([
    'AAPL',
    'AAPL',
    stranger,
    'AAPL',
    stranger,
  ])
})

test.each([
  { flush: true, minutes: false, long: false },
  { flush: false, minutes: true, long: false },
  { flush: false, minutes: false, long: true },
])('after %j of the open rows a full one lacks nothing', (some) => {
  const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
  const trade = (offset: number) =>
    partition.fold({ records: [foreign(offset, 'AAPL')], end: 9, startedAt: 0, endedAt: 0 })
  trade(0)
  partition.take(some)
  trade(1)
  const { windows, candles } = partition.take({ flush: true })
  expect(windows.map(({ n }) => n)).toEqual([2, 2, 2])
  expect(candles.map(({ interval, n }) => `${interval} ${n}`).sort()).toEqual(
    ['1s 2', '1m 2', '5m 2', '15m 2', '1h 2', '1d 2'].sort(),
  )
})
