import { readFileSync } from 'node:fs'

import type { Row } from './binary.ts'

/** A window or candle of an `.expected.json` file: decimals are exact, as text. */
export interface ExpectedWindow {
  s: string
  start: number
  end: number
  o: string
  h: string
  l: string
  c: string
  v: string
  vwap: string
  mean: string
  n: number
  closed_at: string | null
}

interface ExpectedFile {
  candles: Record<string, ExpectedWindow[]>
  windows: Record<string, ExpectedWindow[]>
}

const NAMES: Record<string, string> = {
  1000: '1s',
  60000: '1m',
  300000: '5m',
  900000: '15m',
  3600000: '1h',
  86400000: '1d',
}

function readExpected(file: string): {
  candles: Map<string, ExpectedWindow>
  windows: Map<string, ExpectedWindow>
} {
  const { candles, windows } = JSON.parse(readFileSync(file, 'utf8')) as ExpectedFile
  const hopping = windows['15000/5000'] ?? []
  return {
    candles: new Map(
      Object.entries(candles).flatMap(([ms, rows]) => rows.map((row) => [`${row.s} ${NAMES[ms]} ${row.start}`, row])),
    ),
    windows: new Map(hopping.map((row) => [`${row.s} ${row.start}`, row])),
  }
}

const isNear = (actual: unknown, exact: string): boolean => {
  const wanted = Number(exact)
  return typeof actual === 'number' && Math.abs(actual - wanted) <= 1e-9 * Math.abs(wanted)
}

/** What is wrong with a row, as sentences; none when it equals the expectation to 1e-9, and the count exactly. */
function differences(row: Row | undefined, expected: ExpectedWindow): string[] {
  if (row === undefined) return [`${expected.s} ${expected.start}: no row`]
  const wrong = (['o open', 'h high', 'l low', 'c close', 'v volume', 'vwap vwap'] as const).flatMap((pair) => {
    const [short = '', column = ''] = pair.split(' ')
    const exact = expected[short as 'o']
    return isNear(row[column], exact)
      ? []
      : [`${expected.s} ${expected.start}: ${column} ${row[column]} is not ${exact}`]
  })
  if ('mean_price' in row && !isNear(row['mean_price'], expected.mean))
    wrong.push(`${expected.s} ${expected.start}: mean_price`)
  if (row['n'] !== expected.n) wrong.push(`${expected.s} ${expected.start}: n ${row['n']} is not ${expected.n}`)
  const closedBy = expected.closed_at === null ? 'idle' : 'watermark'
  if (row['final'] !== true || row['closed_by'] !== closedBy)
    wrong.push(`${expected.s} ${expected.start}: closed by ${row['closed_by']}, not ${closedBy}`)
  return wrong
}

/** What is wrong with the rows that were made of a recording, as sentences. */
export function differencesFrom(file: string, rows: { candles: readonly Row[]; windows: readonly Row[] }): string[] {
  const expected = readExpected(file)
  const candles = new Map(rows.candles.map((row) => [`${row['symbol']} ${row['interval']} ${row['open_ts']}`, row]))
  const windows = new Map(rows.windows.map((row) => [`${row['symbol']} ${row['window_start_ts']}`, row]))
  const unexpected = [
    ...[...windows.keys()].filter((key) => !expected.windows.has(key)),
    // The expectation of the longer recording has none that are longer than 1 m.
    ...[...candles.keys()].filter((key) => key.includes(' 1s ') && !expected.candles.has(key)),
  ]
  return [
    ...[...expected.candles].flatMap(([key, row]) => differences(candles.get(key), row)),
    ...[...expected.windows].flatMap(([key, row]) => differences(windows.get(key), row)),
    ...unexpected.map((key) => `${key}: is not expected`),
  ]
}
