import { expect } from 'bun:test'

import type { Row } from './binary.ts'
import type { Market } from './market.ts'
import { expectedOf, latestOf, logsOf, type NastyRecording } from './nasty.ts'
import type { OracleResult, OracleWindow } from './oracle.ts'

/** What a store holds of a nasty recording. */
export interface Stored {
  trades: Row[]
  windows: Row[]
  candles: Row[]
  late: Row[]
  latest: Row[]
  deadLetters: number
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

/** Expects exactly the rows that the rules give. */
export function check(stored: Stored, recording: NastyRecording, partitions: number): void {
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

/** What is stored by now of a market on servers. */
export async function storedOnServers({ name, exported, query, ends }: Market): Promise<Stored> {
  const [trades, candles, windows, late, latest, deadLetters] = await Promise.all([
    exported('trades'),
    exported('candles'),
    exported('windows'),
    query('SELECT * FROM late_trades'),
    query('SELECT symbol, trade_ts, price FROM latest'),
    ends(`${name}.dead-letter`),
  ])
  return { trades, candles, windows, late, latest, deadLetters: deadLetters.reduce((sum, end) => sum + end, 0) }
}
