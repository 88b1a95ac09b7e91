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

const DAY = 86_400_000
const gapRecord = (offset: number, header: string): LogRecord => ({
  offset,
  timestamp: 1_000,
  key: 'AAPL',
  value: encodeValue([], 'raw'),
  headers: { framing: 'raw', gap: header },
})
const gap = { symbol: 'AAPL', from: DAY - 1, to: DAY + 1, cause: 'stall', detail: '' }
const fresh = { partition: 0, incarnation: 1, truncated: false, committed: null }
const foldInto = (partition: Partition, ...records: LogRecord[]) =>
  partition.fold({ records, end: 9, startedAt: 0, endedAt: 0 })

test('a gap record is a row a day, and moves neither the watermark nor a window', () => {
  const partition = new Partition(WINDOWS, fresh)
  foldInto(partition, foreign(0, 'AAPL'))
  const { watermark } = partition.engine
  foldInto(partition, gapRecord(1, JSON.stringify(gap)))
  const rows = partition.take({ flush: true })
  expect(rows.gaps.map(({ from_ts, to_ts, cause }) => [from_ts, to_ts, cause])).toEqual([
    [DAY - 1, DAY, 'stall'],
    [DAY, DAY + 1, 'stall'],
  ])
  expect([partition.engine.watermark, rows.trades.length]).toEqual([watermark, 1])
  expect(partition.triple()).toMatchObject({ processed: 1, identity: { session: null, seq: null }, sessions: [] })
  expect(partition.take({ flush: true }).gaps).toEqual([])
})

test('a gap that an earlier owner wrote is not written again', () => {
  const before = new Partition(WINDOWS, fresh)
  const records = [foreign(0, 'AAPL'), gapRecord(1, JSON.stringify(gap))]
  foldInto(before, ...records)
  const partition = new Partition(WINDOWS, { ...fresh, committed: before.triple() })
  foldInto(partition, ...records, gapRecord(2, JSON.stringify({ ...gap, cause: 'outage', to: DAY })))
  expect(partition.take({ flush: true }).gaps.map(({ cause }) => cause)).toEqual(['outage'])
})

test('a gap record that cannot be read is a dead letter, and what follows passes', () => {
  const partition = new Partition(WINDOWS, fresh)
  const { bad } = foldInto(partition, gapRecord(0, '{"symbol":"AAPL"}'), foreign(1, 'AAPL'))
  expect(bad.map(({ reason, record }) => [reason, record.offset])).toEqual([['undecodable', 0]])
  const rows = partition.take({ flush: true })
  expect([rows.gaps.length, rows.trades.length]).toEqual([0, 1])
})

test('where a log without its beginning starts with a seal, windows begin behind it', () => {
  const partition = new Partition(WINDOWS, { ...fresh, truncated: true })
  const seal: LogRecord = { ...gapRecord(5, ''), headers: { framing: 'raw', watermark: '600000' } }
  foldInto(partition, seal)
  expect(partition.engine.from).toBe(615_000)
})

test('where it starts with a late trade, windows begin behind everything that may be lost', () => {
  const partition = new Partition(WINDOWS, { ...fresh, truncated: true })
  const late = { ...foreign(5, 'AAPL'), headers: { session: 's', seq: '9', k: '0', received: '900000', skew: '20' } }
  foldInto(partition, late)
  expect(partition.engine.from).toBe(905_021)
})
