import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { nastyRecording } from '../../test/nasty.ts'
import { systemClock } from '../clock.ts'
import { openDataDir } from '../data-dir.ts'
import type { Reprocessed } from '../verify/reprocess.ts'
import { runStockpipe } from './stockpipe.fixture.ts'
import { copyOf, replay, type Spoilt } from './verify.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'stockpipe-reprocess-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const DATA = join(folder, 'data')
const ALL = ['--from', '2000-01-01', '--to', '2099-01-01']

beforeAll(async () => {
  const file = join(folder, 'nasty.ndjson')
  writeFileSync(file, nastyRecording(1).text)
  await replay(file, DATA, '--partitions', '3')
}, 30_000)

const run = (spoilt: Spoilt, ...words: string[]) =>
  runStockpipe(['reprocess', '--json', '--data-dir', spoilt.data, ...words], { cwd: folder })

async function reprocessed(spoilt: Spoilt, ...words: string[]): Promise<Reprocessed> {
  const { code, out, err } = await run(spoilt, ...ALL, '--yes', ...words)
  expect([code, err]).toEqual([0, ''])
  return JSON.parse(out) as Reprocessed
}

const TABLES = ['trades', 'running_averages_15_sec', 'candles', 'late_trades', 'rollup', 'latest', 'reprocess_runs']
const everything = ({ rows }: Spoilt) => TABLES.map((table) => rows(`SELECT * FROM ${table}`))
const isRight = async (spoilt: Spoilt) => expect(await spoilt.verify()).toMatchObject({ code: 0, found: [] })
const one = ({ rows }: Spoilt, sql: string) => Object.values(rows(sql)[0] ?? {})[0]

test('with the usual rule it changes nothing of an intact store', async () => {
  using spoilt = copyOf(DATA)
  const before = everything(spoilt)
  expect(await reprocessed(spoilt)).toMatchObject({ id: null, windows: 0, candles: 0, repeats: 0, unknown: 0 })
  expect(everything(spoilt)).toEqual(before)
})

test('rows that are gone or wrong are written anew as the next revision, and the run is recorded', async () => {
  using spoilt = copyOf(DATA)
  const windows = spoilt.store(`DELETE FROM running_averages_15_sec WHERE closed_by = 'watermark'`)
  const candles = spoilt.store(
    `UPDATE candles SET high = 1, revision = 4 WHERE interval = '1m' AND closed_by = 'watermark'`,
  )
  expect(await reprocessed(spoilt, '--dry-run')).toMatchObject({ id: null, windows, candles, isDone: false })
  expect(one(spoilt, 'SELECT count(*) FROM reprocess_runs')).toBe(0)
  const done = await reprocessed(spoilt)
  expect(done).toMatchObject({ windows, candles, repeats: 0, isDone: true })
  await isRight(spoilt)
  expect(one(spoilt, 'SELECT count(*) FROM running_averages_15_sec WHERE revision = 1')).toBe(windows)
  expect(one(spoilt, 'SELECT count(*) FROM candles WHERE revision = 5')).toBe(candles)
  const newest = one(spoilt, 'SELECT min(stamp) FROM candles WHERE revision = 5') as number
  expect(Math.abs(newest / 1000 - Date.now())).toBeLessThan(60_000)
  expect(spoilt.rows('SELECT id, rows FROM reprocess_runs')).toEqual([{ id: done.id, rows: windows + candles }])
  expect(await reprocessed(spoilt)).toMatchObject({ id: null, windows: 0, candles: 0 })
})

test('only windows that lie wholly in the range, and only of the symbols', async () => {
  using spoilt = copyOf(DATA)
  spoilt.store(`UPDATE candles SET volume = 0 WHERE interval = '1m' AND closed_by = 'watermark'`)
  const [first] = spoilt.rows(
    `SELECT symbol, open_ts AS at FROM candles WHERE interval = '1m' AND closed_by = 'watermark' AND symbol = 'AAPL' LIMIT 1`,
  ) as { symbol: string; at: number }[]
  const { symbol, at } = first ?? { symbol: '', at: 0 }
  const tight = ['--from', String(at), '--to', String(at + 60_000), '--symbol', symbol, '--yes']
  for (const edge of [at, at + 60_000]) {
    const cut = tight.map((word) => (word === String(edge) ? String(edge === at ? at + 1 : edge - 1) : word))
    expect(JSON.parse((await run(spoilt, ...cut)).out)).toMatchObject({ candles: 0 })
  }
  expect(JSON.parse((await run(spoilt, ...tight)).out)).toMatchObject({ candles: 1 })
  expect(spoilt.rows('SELECT symbol, interval, open_ts AS at FROM candles WHERE revision = 1')).toEqual([
    { symbol, interval: '1m', at },
  ])
})

const TRADES_IN = `(SELECT count(*) FROM trades t WHERE t.symbol = c.symbol AND t.flags != 'future'
  AND t.trade_ts >= c.open_ts AND t.trade_ts < c.open_ts + 60000)`
const MINUTES = `candles c WHERE interval = '1m' AND closed_by = 'watermark'`

test('late trades count where they belong when that is asked for, and not any more when it is not', async () => {
  using spoilt = copyOf(DATA)
  const original = spoilt.rows(`SELECT symbol, open_ts, n FROM ${MINUTES} ORDER BY symbol, open_ts`)
  expect(one(spoilt, `SELECT count(*) FROM ${MINUTES} AND n != ${TRADES_IN}`)).toBeGreaterThan(3)
  const { windows, candles } = await reprocessed(spoilt, '--include-late')
  expect(Math.min(windows, candles)).toBeGreaterThan(10)
  expect(one(spoilt, `SELECT count(*) FROM ${MINUTES} AND n != ${TRADES_IN}`)).toBe(0)
  await isRight(spoilt)
  expect(await reprocessed(spoilt, '--include-late')).toMatchObject({ windows: 0, candles: 0 })
  await reprocessed(spoilt)
  const again = spoilt.rows(`SELECT symbol, open_ts, n FROM ${MINUTES} ORDER BY symbol, open_ts`)
  // A minute of nothing but late trades had no row, and rows are never removed.
  expect(again).toEqual(expect.arrayContaining(original))
  await isRight(spoilt)
})

test('marked repeats become trades when that is asked for', async () => {
  using spoilt = copyOf(DATA)
  const { repeats, windows } = await reprocessed(spoilt, '--ignore-marks')
  expect(Math.min(repeats, windows)).toBeGreaterThan(50)
  expect(one(spoilt, `SELECT count(*) FROM trades WHERE flags = 'repeat'`)).toBe(repeats)
  await isRight(spoilt)
  expect(await reprocessed(spoilt, '--ignore-marks')).toMatchObject({ windows: 0, candles: 0, repeats: 0 })
  await reprocessed(spoilt)
  await isRight(spoilt)
  spoilt.store(`DELETE FROM trades WHERE flags = 'repeat'`)
  expect((await spoilt.verify()).report.kinds.trade.differences).toBe(repeats)
})

test('what silence closed, and what is open, is not touched', async () => {
  using spoilt = copyOf(DATA)
  const wrong = spoilt.store(`UPDATE candles SET high = 1 WHERE closed_by = 'idle'`)
  expect(wrong).toBeGreaterThan(3)
  expect(await reprocessed(spoilt, '--include-late', '--dry-run')).toMatchObject({ isDone: false })
  await reprocessed(spoilt)
  expect(one(spoilt, `SELECT count(*) FROM candles WHERE high = 1 AND closed_by = 'idle'`)).toBe(wrong)
})

test('a run that was cut short is said, and repeated by the same command', async () => {
  using spoilt = copyOf(DATA)
  await reprocessed(spoilt, '--include-late', '--ignore-marks')
  spoilt.store('UPDATE reprocess_runs SET rows = NULL')
  const { code, report } = await spoilt.verify()
  expect([code, report.notes.join().includes('was cut short')]).toEqual([0, true])
  spoilt.store(`UPDATE candles SET n = n + 1000 WHERE interval = '1m'`)
  expect((await spoilt.verify()).code).toBe(1)
})

test('nothing is revised without a yes, without a range, or beside a pipeline that runs', async () => {
  using spoilt = copyOf(DATA)
  const unasked = await run(spoilt, ...ALL)
  expect([unasked.code, unasked.err.includes('--yes')]).toEqual([2, true])
  const unbounded = await run(spoilt, '--yes')
  expect([unbounded.code, unbounded.err.includes('needs --from and --to')]).toEqual([2, true])
  using _owner = openDataDir({ path: spoilt.data, origin: 'replay', clock: systemClock })
  const beside = await run(spoilt, ...ALL, '--yes')
  expect([beside.code, beside.err.includes('is in use by another stockpipe')]).toEqual([2, true])
  expect((await run(spoilt, ...ALL, '--dry-run')).code).toBe(0)
})
