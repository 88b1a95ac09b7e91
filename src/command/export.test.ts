import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../clock.ts'
import { gapRow, rows as rowsOf } from '../stream/store.contract-rows.ts'
import { openEmbeddedStore } from '../stream/store/embedded.ts'
import { silentLog } from '../telemetry.ts'
import { runStockpipe } from './stockpipe.fixture.ts'

const cwd = mkdtempSync(join(tmpdir(), 'stockpipe-export-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const T = Date.UTC(2026, 2, 2, 14, 30)
const trade = (s: string, t: number, p: number) => ({ c: ['1', '8'], p, s, t, v: 2 })
const stockpipe = (...words: string[]) => runStockpipe(words, { cwd })

beforeAll(async () => {
  const frames = [[trade('A', T, 10), trade('IC MARKETS:1', T + 1, 20)], [trade('A', T + 60_000, 11)]]
  writeFileSync(join(cwd, 'day.ndjson'), frames.map((data) => `${JSON.stringify({ type: 'trade', data })}\n`).join(''))
  const replay = ['--replay-file', 'day.ndjson', '--replay-speed', 'max', '--exit-at-end', '--listen', '127.0.0.1:0']
  const ran = await stockpipe('run', ...replay)
  if (ran.code !== 0) throw new Error(ran.err)
  await using store = await openEmbeddedStore({
    path: join(cwd, 'stockpipe-data', 'replay', 'store.db'),
    clock: systemClock,
    log: silentLog,
    retention: { tradesMs: null, candlesMs: null },
  })
  await store.write(rowsOf({ gaps: [gapRow('A', T), gapRow('B', T + 120_000, { cause: 'stall' })] }))
})

const lines = (text: string) => text.trimEnd().split('\n')
const rows = (text: string) => lines(text).map((line) => JSON.parse(line) as Record<string, unknown>)

test('trades are lines of JSON with the columns of the table', async () => {
  const { code, out, err } = await stockpipe('export', 'trades')
  expect([code, err]).toEqual([0, ''])
  expect(rows(out).map(({ symbol, trade_ts, price }) => [symbol, trade_ts, price])).toEqual([
    ['A', T, 10],
    ['A', T + 60_000, 11],
    ['IC MARKETS:1', T + 1, 20],
  ])
})

test('symbol, from and to choose rows, and to is not included', async () => {
  const { out } = await stockpipe(
    'export',
    'trades',
    '--symbol',
    'A',
    '--from',
    '2026-03-02T14:30:00Z',
    '--to',
    String(T + 60_000),
  )
  expect(rows(out)).toMatchObject([{ symbol: 'A', trade_ts: T }])
})

test('interval chooses candles, and a file named .csv is CSV', async () => {
  const { code, out } = await stockpipe('export', 'candles', '--interval', '1m,1h', '--symbol', 'A', '--out', 'a.csv')
  const [head, ...cells] = lines(await Bun.file(join(cwd, 'a.csv')).text())
  expect([code, out]).toEqual([0, ''])
  expect(head).toStartWith('symbol,interval,bucket,open_ts,open,')
  expect(cells.map((line) => line.split(',').slice(0, 2))).toEqual([
    ['A', '1m'],
    ['A', '1m'],
    ['A', '1h'],
  ])
  expect(readdirSync(cwd).filter((name) => name.endsWith('.part'))).toEqual([])
})

test('windows are exported too', async () => {
  const { out } = await stockpipe('export', 'windows', '--symbol', 'IC MARKETS:1')
  expect(rows(out)).toHaveLength(3)
})

test('gaps are exported too: those that overlap the range', async () => {
  const { code, out } = await stockpipe('export', 'gaps', '--from', String(T + 59_999))
  expect(code).toBe(0)
  expect(rows(out)).toEqual([
    { symbol: 'A', day: '2026-03-02', from_ts: T, cause: 'outage', to_ts: T + 60_000, detail: 'socket closed' },
    {
      symbol: 'B',
      day: '2026-03-02',
      from_ts: T + 120_000,
      cause: 'stall',
      to_ts: T + 180_000,
      detail: 'socket closed',
    },
  ])
  expect((await stockpipe('export', 'gaps', '--from', String(T + 60_000))).out).not.toContain('"A"')
})

test('data that is not there ends with 2 and says what is', async () => {
  const [folder, origin] = await Promise.all([
    stockpipe('export', 'trades', '--data-dir', 'nowhere'),
    stockpipe('export', 'trades', '--origin', 'live'),
  ])
  expect([folder.code, folder.err.includes('--data-dir')]).toEqual([2, true])
  expect([origin.code, origin.err.includes('it holds replay data')]).toEqual([2, true])
})

test('with data of two origins one must be named', async () => {
  const other = join(cwd, 'stockpipe-data', 'live')
  mkdirSync(other)
  writeFileSync(join(other, 'log.db'), '')
  try {
    const [unnamed, named] = await Promise.all([
      stockpipe('export', 'trades'),
      stockpipe('export', 'trades', '--origin', 'replay'),
    ])
    expect(unnamed.code).toBe(2)
    expect(unnamed.err).toContain('add --origin live or --origin replay')
    expect(rows(named.out)).toHaveLength(3)
  } finally {
    rmSync(other, { recursive: true })
  }
})

test('a file that cannot be written ends with 2 and leaves nothing', async () => {
  const { code, err } = await stockpipe('export', 'trades', '--out', 'nowhere/a.csv')
  expect([code, err.split('\n')[0]]).toEqual([2, 'error: cannot write nowhere/a.csv'])
})
