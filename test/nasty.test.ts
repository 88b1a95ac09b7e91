import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { exported, replayArgs, type Row, start, stockpipe, temporaryFolder } from './binary.ts'
import { expectedOf, latestOf, logsOf, type NastyRecording, nastyRecording, random } from './nasty.ts'
import type { OracleResult, OracleWindow } from './oracle.ts'

/** More by hand, from any number on: NASTY_SEEDS=200 NASTY_FROM=1000 bun test test/nasty.test.ts */
const SEEDS = Number(process.env['NASTY_SEEDS'] ?? 3)
const FROM = Number(process.env['NASTY_FROM'] ?? 1)
const seeds = Array.from({ length: SEEDS }, (_, index) => FROM + index)

interface Stored {
  trades: Row[]
  windows: Row[]
  candles: Row[]
  late: Row[]
  latest: Row[]
  deadLetters: number
}

async function storedIn(folder: string): Promise<Stored> {
  const [trades = [], candles = [], windows = []] = await Promise.all(
    ['trades', 'candles', 'windows'].map((table) => exported(table, folder)),
  )
  using store = new Database(join(folder, 'replay', 'store.db'), { readonly: true })
  using log = new Database(join(folder, 'replay', 'log.db'), { readonly: true })
  const late = store.query<Row, []>('SELECT * FROM late_trades').all()
  const latest = store.query<Row, []>('SELECT symbol, trade_ts, price FROM latest ORDER BY symbol').all()
  const count = `SELECT count(*) AS count FROM records JOIN topics ON topics.id = topic_id WHERE name = 'market.dead-letter'`
  const deadLetters = log.query<{ count: number }, []>(count).get()?.count ?? 0
  return { trades, candles, windows, late, latest, deadLetters }
}

const idOf = (row: Row): string => `${row['log_partition']}/${row['log_offset']}:${row['log_index']}`
const keyOf = (row: Row): string =>
  'interval' in row
    ? `${row['symbol']}|${row['interval']}|${row['open_ts']}`
    : `${row['symbol']}|window|${row['window_start_ts']}`

const isNear = (actual: unknown, wanted: number): boolean =>
  typeof actual === 'number' && Math.abs(actual - wanted) <= 1e-9 * Math.abs(wanted)

/** Names of the columns in which a stored window or candle is not what the rules give. */
function wrongColumns(row: Row | undefined, wanted: OracleWindow): string[] {
  if (row === undefined) return ['no row']
  const { n, open, high, low, close, volume, pv, mean, isPast } = wanted
  const exact = { n, open, high, low, close, final: true, closed_by: isPast ? 'watermark' : 'idle' }
  const means = wanted.kind === 'window' ? { mean_price: mean, mean_notional: pv / n } : {}
  const near = { volume, vwap: pv / volume, ...means }
  return [
    ...Object.entries(exact).filter(([column, value]) => row[column] !== value),
    ...Object.entries(near).filter(([column, value]) => !isNear(row[column], value)),
  ].map(([column, value]) => `${column} is ${row[column]}, not ${value}`)
}

/** The rows of `trades` and `late_trades`, one text each, sorted. */
function wantedRows(recording: NastyRecording, expected: ReadonlyMap<number, OracleResult>, partitions: number) {
  const logs = logsOf(recording, partitions)
  const trades: string[] = []
  const late: string[] = []
  for (const [partition, result] of expected) {
    const future = new Set(result.future)
    for (const id of [...result.trades, ...result.future]) {
      const [offset = 0, index = 0] = id.split(':').map(Number)
      const { received = null, entries = [] } = logs.get(partition)?.[offset] ?? {}
      const { s, t, p, v, c } = entries[index] ?? {}
      const flags = future.has(id) ? 'future' : ''
      trades.push(JSON.stringify([`${partition}/${id}`, s, t, p, v, c?.join() ?? '', received, flags]))
    }
    for (const [id, { missed, entry }] of result.late) late.push(JSON.stringify([`${partition}/${id}`, missed, entry]))
  }
  return { trades: trades.sort(), late: late.sort() }
}

function check(stored: Stored, recording: NastyRecording, partitions: number): void {
  const expected = expectedOf(recording, partitions)
  const rows = wantedRows(recording, expected, partitions)
  const columns = ['symbol', 'trade_ts', 'price', 'volume', 'conditions', 'received_ts', 'flags']
  const trades = stored.trades.map((row) => JSON.stringify([idOf(row), ...columns.map((column) => row[column])]))
  expect(trades.sort()).toEqual(rows.trades)
  const late = stored.late.map((row) => JSON.stringify([idOf(row), row['missed'], row['entry_interval']]))
  expect(late.sort()).toEqual(rows.late)
  const windows = new Map([...stored.windows, ...stored.candles].map((row) => [keyOf(row), row]))
  const wanted = new Map([...expected.values()].flatMap((result) => [...result.windows]))
  expect([...windows.keys()].filter((key) => !wanted.has(key))).toEqual([])
  const wrong = [...wanted].map(([key, window]) => ({ key, wrong: wrongColumns(windows.get(key), window) }))
  expect(wrong.filter(({ wrong }) => wrong.length > 0)).toEqual([])
  const latest = [...latestOf(recording)].map(([symbol, { t, p }]) => JSON.stringify([symbol, t, p]))
  expect(stored.latest.map((row) => JSON.stringify(Object.values(row))).sort()).toEqual(latest.sort())
  expect(stored.deadLetters).toBe(recording.bad)
}

test.each(seeds)('nasty recording %d gives the rows that the rules give, at 1 and at 12 partitions', async (seed) => {
  const recording = nastyRecording(seed)
  await Promise.all(
    [1, 12].map(async (partitions) => {
      using folder = temporaryFolder()
      const file = join(folder.path, 'nasty.ndjson')
      writeFileSync(file, recording.text)
      const data = join(folder.path, 'data')
      const run = await stockpipe(replayArgs(file, data, '--partitions', String(partitions)))
      expect({ code: run.code, stderr: run.code === 0 ? '' : run.stderr }).toEqual({ code: 0, stderr: '' })
      check(await storedIn(data), recording, partitions)
    }),
  )
})

const STOPS = ['SIGKILL', 'SIGKILL', 'SIGTERM'] as const

test.each(seeds.slice(0, Math.max(1, SEEDS / 4)))(
  'nasty recording %d, killed and stopped again and again and gone on with, gives the rows of an undisturbed run',
  async (seed) => {
    const recording = nastyRecording(seed, 700)
    const next = random(seed)
    using calm = temporaryFolder()
    using disturbed = temporaryFolder()
    const file = join(calm.path, 'nasty.ndjson')
    writeFileSync(file, recording.text)
    const args = (folder: string) => replayArgs(file, join(folder, 'data'), '--partitions', '3')
    expect((await stockpipe(args(calm.path))).code).toBe(0)
    for (let stop = 0; stop < 12; stop++) {
      const child = start(args(disturbed.path))
      await Promise.race([child.exited, Bun.sleep(120 + next() * 350)])
      child.kill(STOPS[stop % STOPS.length])
      await child.exited
    }
    expect((await stockpipe(args(disturbed.path))).code).toBe(0)
    const stored = await storedIn(join(disturbed.path, 'data'))
    check(stored, recording, 3)
    const bare = ({ trades, windows, candles, late, latest }: Stored) =>
      [trades, windows, candles, late, latest].map((rows) =>
        rows.map((row) => ({ ...row, ingested_ts: 0, incarnation: 0, written_ts: 0 })),
      )
    expect(bare(stored)).toEqual(bare(await storedIn(join(calm.path, 'data'))))
  },
  60_000,
)
