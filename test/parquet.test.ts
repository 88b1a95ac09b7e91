import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { systemClock } from '../src/clock.ts'
import { openParquet } from '../src/export/parquet.ts'
import { entry, gapRow, rows as rowsOf, tradeBatch } from '../src/stream/store.contract-rows.ts'
import { openEmbeddedStore } from '../src/stream/store/embedded.ts'
import { silentLog } from '../src/telemetry.ts'
import type { TradeRow, WindowRow } from '../src/trade.ts'
import { BINARY, exportedBy, fixture, replayArgs, type Row, start, stockpipe, temporaryFolder } from './binary.ts'
import { openMarket, serversForTests } from './market.ts'
import { openPython } from './python.ts'
import { until } from './until.ts'

setDefaultTimeout(90_000)

interface ByReader {
  types: Record<string, string>
  rows: Row[]
}
interface Read {
  pyarrow: ByReader
  duckdb: ByReader
  groups: number[]
  codecs: string[]
}

const TABLES = ['trades', 'candles', 'windows', 'gaps'] as const
const T = Date.UTC(2026, 2, 2, 14, 30)

/** As pyarrow names them: `?` may be null. */
const TYPES: Record<(typeof TABLES)[number], string> = {
  trades: `symbol string, hour string, trade_ts timestamp, log_partition int32, log_offset int64, log_index int32,
    price double, volume double, conditions string, received_ts timestamp?, ingested_ts timestamp, flags string`,
  candles: `symbol string, interval string, bucket string, open_ts timestamp, open double, high double, low double,
    close double, volume double?, vwap double?, n int32, final bool, closed_by string, revision int32`,
  windows: `symbol string, day string, window_end_ts timestamp, window_start_ts timestamp, vwap double?,
    mean_price double?, mean_notional double?, volume double?, n int32, open double, high double, low double,
    close double, final bool, closed_by string, revision int32`,
  gaps: 'symbol string, day string, from_ts timestamp, cause string, to_ts timestamp, detail string',
}
const DUCKDB_TYPES: Record<string, string> = {
  string: 'VARCHAR',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  int32: 'INTEGER',
  int64: 'BIGINT',
  double: 'DOUBLE',
  bool: 'BOOLEAN',
}

const columnsOf = (table: (typeof TABLES)[number]) =>
  TYPES[table].split(',').map((words) => {
    const [name = '', type = ''] = words.trim().split(' ')
    return { name, type: type.replace('?', ''), isNullable: type.endsWith('?') }
  })
const pyarrowTypes = (table: (typeof TABLES)[number]): [string, string][] =>
  columnsOf(table).map(({ name, type, isNullable }) => [
    name,
    `${type === 'timestamp' ? 'timestamp[ms, tz=UTC]' : type}${isNullable ? '' : ' not null'}`,
  ])
const duckdbTypes = (table: (typeof TABLES)[number]): [string, string][] =>
  columnsOf(table).map(({ name, type }) => [name, DUCKDB_TYPES[type] ?? ''])

const python = await openPython()
const servers = python === null ? null : await serversForTests()
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
const data = join(folder.path, 'data')

const openStore = () =>
  openEmbeddedStore({
    path: join(data, 'replay', 'store.db'),
    clock: systemClock,
    log: silentLog,
    retention: { tradesMs: null, candlesMs: null },
  })

beforeAll(async () => {
  const ran = await stockpipe(replayArgs(fixture('finnhub-session.ndjson'), data))
  if (ran.code !== 0) throw new Error(ran.stderr)
  await using store = await openStore()
  await store.write(
    rowsOf({
      gaps: [gapRow('A', T), gapRow('ДЖ:π🚀', T, { cause: 'stall', detail: '"a", b\nc' })],
      trades: [
        tradeBatch('ДЖ:π🚀', [entry(T, { p: 0.1 + 0.2, v: 5e-324 }), entry(T + 1, { p: 1e21, c: ['1', 'é'] })], {
          offset: Number.MAX_SAFE_INTEGER,
          received: null,
        }),
      ],
    }),
  )
})

const read = async (path: string): Promise<Read> => (await python?.run('read_parquet.py', { path })) as Read

/** What `export` writes as Parquet, as others read it. */
async function exportedParquet(words: readonly string[]): Promise<Read> {
  const out = join(folder.path, `${crypto.randomUUID()}.parquet`)
  const { code, stdout, stderr } = await stockpipe(['export', ...words, '--out', out])
  expect([code, stdout, stderr]).toEqual([0, '', ''])
  return read(out)
}

async function expectSame(table: (typeof TABLES)[number], where: readonly string[]): Promise<Row[]> {
  const [found, rows] = await Promise.all([exportedParquet([table, ...where]), exportedBy([table, ...where])])
  expect(Object.entries(found.pyarrow.types)).toEqual(pyarrowTypes(table))
  expect(Object.entries(found.duckdb.types)).toEqual(duckdbTypes(table))
  expect(found.pyarrow.rows).toEqual(rows)
  expect(found.duckdb.rows).toEqual(rows)
  return rows
}

// No Python packages here: test/python.ts says so, and fails where CI is set.
describe.skipIf(python === null)('Parquet, read by pyarrow and by DuckDB', () => {
  for (const table of TABLES)
    test(`${table} have the rows of the NDJSON export in its order, and times are timestamps`, async () => {
      expect(await expectSame(table, ['--data-dir', data])).not.toBeEmpty()
    })

  test('a table without rows still has its columns', async () => {
    const found = await exportedParquet(['candles', '--symbol', 'NOSUCH', '--data-dir', data])
    expect([found.pyarrow.rows, found.duckdb.rows, found.groups]).toEqual([[], [], []])
    expect(Object.entries(found.duckdb.types)).toEqual(duckdbTypes('candles'))
  })

  test('rows of many groups and of unequal pages are all there, compressed with Snappy', async () => {
    const path = join(folder.path, 'groups.parquet')
    const file = Bun.file(path).writer()
    const sink = await openParquet('trades', async (chunk) => void (await file.write(chunk)), { groupRows: 100 })
    const rows = Array.from({ length: 450 }, (_, index) => tradeRow(index))
    await sink.rows(rows.slice(0, 99))
    await sink.rows(rows.slice(99, 320))
    await sink.rows(rows.slice(320))
    await sink.end()
    await file.end()
    const found = await read(path)
    expect([found.groups, found.codecs]).toEqual([[100, 100, 100, 100, 50], ['SNAPPY']])
    expect(found.pyarrow.rows).toEqual(rows.map((row) => ({ ...row })))
    expect(found.duckdb.rows).toEqual(rows.map((row) => ({ ...row })))
  })

  test('sums that overflowed are null, as in NDJSON', async () => {
    const path = join(folder.path, 'sums.parquet')
    const file = Bun.file(path).writer()
    const sink = await openParquet('windows', async (chunk) => void (await file.write(chunk)))
    const row = { ...windowOf(T), volume: Number.POSITIVE_INFINITY, vwap: Number.NaN }
    await sink.rows([row])
    await sink.end()
    await file.end()
    const found = await read(path)
    expect(found.pyarrow.rows).toEqual([JSON.parse(JSON.stringify(row)) as Row])
    expect(found.duckdb.rows).toEqual(found.pyarrow.rows)
  })
})

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(servers === null)('the rows of Cassandra come as Parquet too', async () => {
  await using market = openMarket(servers as NonNullable<typeof servers>)
  const args = replayArgs(
    fixture('finnhub-session.ndjson'),
    join(folder.path, 'servers'),
    ...market.log,
    ...market.store,
  )
  expect(await stockpipe(args)).toMatchObject({ code: 0 })
  for (const table of TABLES) {
    const rows = await expectSame(table, market.store)
    if (table !== 'gaps') expect(rows).not.toBeEmpty()
  }
})

test('a pipe gets the bytes of the file', async () => {
  const out = join(folder.path, 'same.parquet')
  const words = ['export', 'windows', '--data-dir', data]
  expect((await stockpipe([...words, '--out', out])).code).toBe(0)
  const piped = start([...words, '--format', 'parquet'])
  expect(Buffer.from(await new Response(piped.stdout).bytes())).toEqual(Buffer.from(await Bun.file(out).bytes()))
  expect(await piped.exited).toBe(0)
})

test.skipIf(process.platform === 'win32')('a terminal is refused, and gets no byte of it', async () => {
  let shown = ''
  const child = Bun.spawn([BINARY, 'export', 'windows', '--data-dir', data, '--format', 'parquet'], {
    terminal: { cols: 200, rows: 24, data: (_, bytes) => void (shown += Buffer.from(bytes).toString('latin1')) },
  })
  expect(await child.exited).toBe(2)
  await until(
    () => shown,
    (text) => text.includes('--out NAME.parquet'),
  )
  expect(shown).toContain('Parquet is not for a terminal')
  expect(shown).not.toContain('PAR1')
})

test('Ctrl-C leaves nothing behind', async () => {
  await using store = await openStore()
  const entries = Array.from({ length: 1000 }, (_, index) => entry(T + index))
  await store.write(
    rowsOf({ trades: Array.from({ length: 300 }, (_, offset) => tradeBatch('MANY', entries, { offset })) }),
  )
  using place = temporaryFolder()
  const child = start(['export', 'trades', '--data-dir', data, '--out', join(place.path, 'cut.parquet')])
  await until(
    () => readdirSync(place.path),
    (names) => names.length > 0,
  )
  child.kill('SIGINT')
  expect(await child.exited).toBe(1)
  expect(readdirSync(place.path)).toEqual([])
})

const tradeRow = (index: number): TradeRow => ({
  symbol: `S${index % 3}`,
  hour: '2026-03-02T14',
  trade_ts: T + index,
  log_partition: index % 2,
  log_offset: Number.MAX_SAFE_INTEGER - index,
  log_index: index,
  price: 1 + index / 3,
  volume: index % 5,
  conditions: index % 7 === 0 ? '1,8' : '',
  received_ts: index % 4 === 0 ? null : T + index,
  ingested_ts: T + index + 1,
  flags: '',
})

const windowOf = (end: number): WindowRow => ({
  symbol: 'A',
  day: '2026-03-02',
  window_end_ts: end,
  window_start_ts: end - 15_000,
  vwap: 1,
  mean_price: 1,
  mean_notional: 1,
  volume: 1,
  n: 2,
  open: 1,
  high: 1,
  low: 1,
  close: 1,
  final: true,
  closed_by: 'watermark',
  revision: 0,
})
