import { expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Spool } from './spool.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import type { NewRecord } from '../stream/broker.ts'
import { createLog } from '../telemetry.ts'

function place(limit = 1e9) {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-spool-'))
  const path = join(folder, 'spool.db')
  const clock = manualClock(1_000_000)
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const log = createLog({ level: 'debug', format: 'json', clock, write })
  return {
    path,
    folder,
    clock,
    lines,
    open: () => new Spool({ path, limit, clock, log }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

const record = (seq: number, bytes = 10): NewRecord => ({
  key: 'A',
  value: new Uint8Array(bytes).fill(seq),
  headers: { session: 's', seq: String(seq), k: '0', received: String(seq * 10) },
  partition: 7,
})
const records = (from: number, to: number, bytes?: number) =>
  Array.from({ length: to - from }, (_, index) => record(from + index, bytes))
const seqs = (page: readonly { headers: Readonly<Record<string, string>> }[]) =>
  page.map(({ headers }) => Number(headers['seq']))

test('what is put in comes out in order, as it was, also for the next who opens it', () => {
  using where = place()
  {
    using spool = where.open()
    expect([
      spool.append('t', records(1, 4)),
      spool.append('other', records(1, 2)),
      spool.append('t', [record(4)]),
    ]).toEqual([true, true, true])
  }
  using spool = where.open()
  expect([spool.records, spool.recordsOf('t'), spool.recordsOf('unknown')]).toEqual([5, 4, 0])
  const { key, value, headers } = record(3)
  expect(spool.page('t')[2]).toEqual({ offset: 2, timestamp: 1_000_000, key, value, headers })
  expect([spool.oldest('t')?.headers['seq'], spool.newest('t')?.headers['seq']]).toEqual(['1', '4'])
  spool.remove('t', 3)
  expect(seqs(spool.page('t'))).toEqual([4])
  spool.remove('t', 1)
  spool.remove('other', 1)
  expect([spool.isEmpty, spool.bytes, spool.page('t'), spool.newest('t')]).toEqual([true, 0, [], null])
})

test('it takes no more than its size, and after that only when some of it is free again', () => {
  using where = place(100_000)
  using spool = where.open()
  let taken = 0
  while (spool.append('t', [record(taken, 1_000)])) taken++
  expect(spool.bytes).toBeGreaterThan(97_000)
  expect(spool.bytes).toBeLessThanOrEqual(100_000)
  spool.remove('t', 2)
  expect(spool.append('t', [record(1_000, 1_000)])).toBe(false)
  spool.remove('t', 4)
  expect(spool.append('t', [record(1_000, 1_000)])).toBe(true)
})

test('what alone is larger than it goes into an empty one', () => {
  using where = place(1_000)
  using spool = where.open()
  expect([spool.append('t', [record(1, 5_000)]), spool.append('t', [record(2, 10)])]).toEqual([true, false])
})

test('emptied, it gives the disk back', () => {
  using where = place()
  using spool = where.open()
  for (let n = 0; n < 10; n++) spool.append('t', records(n * 100, n * 100 + 100, 100_000))
  expect(sizeOf(where.folder)).toBeGreaterThan(90_000_000)
  while (!spool.isEmpty) spool.remove('t', spool.page('t').length)
  expect(sizeOf(where.folder)).toBeLessThan(1_000_000)
  expect(spool.append('t', [record(5_000)])).toBe(true)
  expect(seqs(spool.page('t'))).toEqual([5_000])
})

const sizeOf = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

test('of a write that a power cut tore nothing is there, of those before it everything', () => {
  using where = place()
  using torn = place()
  using spool = where.open()
  for (let n = 0; n < 20; n++) spool.append('t', [record(n, 2_000)])
  for (const suffix of ['', '-wal']) writeFileSync(torn.path + suffix, readFileSync(where.path + suffix))
  truncateSync(`${torn.path}-wal`, statSync(`${torn.path}-wal`).size - 1_500)
  using found = torn.open()
  expect(seqs(found.page('t'))).toEqual(Array.from({ length: 19 }, (_, n) => n))
})

test('damaged in the middle, it gives what is whole before that, then says so, keeps the rest aside and begins anew', () => {
  using where = place()
  {
    using spool = where.open()
    for (let n = 0; n < 40; n++) spool.append('t', records(n * 10, n * 10 + 10, 3_000))
  }
  const bytes = readFileSync(where.path)
  bytes.fill(0xee, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 200_000)
  writeFileSync(where.path, bytes)
  using spool = where.open()
  const read: number[] = []
  const drain = () => {
    while (!spool.isEmpty) {
      const page = spool.page('t')
      read.push(...seqs(page))
      spool.remove('t', page.length)
    }
  }
  let error: unknown
  try {
    drain()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(StockpipeError)
  expect(read.length).toBeGreaterThan(50)
  expect(read).toEqual(Array.from({ length: read.length }, (_, n) => n))
  spool.putAside(error)
  expect(where.lines.at(-1)).toMatchObject({ event: 'spool.damaged', unreadable_records: 400 - read.length })
  expect([spool.isEmpty, spool.append('t', [record(1)]), spool.records]).toEqual([true, true, 1])
  expect(readdirSync(where.folder).some((name) => name.startsWith('spool.db.damaged-'))).toBe(true)
})

test('a file that is no spool at all is put aside too', () => {
  using where = place()
  writeFileSync(where.path, 'x'.repeat(10_000))
  using spool = where.open()
  expect(spool.append('t', [record(1)])).toBe(true)
  expect(where.lines).toMatchObject([{ event: 'spool.damaged' }])
})
