/** The example of docs/concepts.md: its tables are what the program makes of its trades. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { exported, type Row, temporaryFolder } from './binary.ts'
import { blocksOf, ROOT } from './manual/blocks.ts'
import { runBlock } from './manual/scene.ts'

type Cells = Readonly<Record<string, string>>

/** The tables of the page, in order; a row by the heads of its columns. */
async function tables(): Promise<Cells[][]> {
  const text = await Bun.file(join(ROOT, 'docs/concepts.md')).text()
  return [...text.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) => {
    const [heads = [], , ...rows] = table
      .trim()
      .split('\n')
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      )
    return rows.map((cells) => Object.fromEntries(heads.map((head, index) => [head, cells[index] ?? ''])))
  })
}

const clock = (ms: unknown): string => new Date(Number(ms)).toISOString().slice(11, 19)
const numbers = (row: Row, names: readonly string[]): string[] => names.map((name) => String(row[name]))

test('the tables say what the program makes of the trades', async () => {
  const [trades = [], windows = [], candles = []] = await tables()
  const [block] = await blocksOf('docs/concepts.md')
  if (block === undefined) throw new Error('the page has no example to try')
  using folder = temporaryFolder()
  expect(await runBlock(block, { folder: folder.path })).toContain('no differences')
  const data = join(folder.path, 'stockpipe-data')
  const rows = await Promise.all(['trades', 'windows', 'candles', 'gaps'].map((table) => exported(table, data)))
  const [stored = [], averages = [], bars = [], gaps] = rows
  const byArrival = stored.toSorted((a, b) => Number(a['log_offset']) - Number(b['log_offset']))

  expect(
    byArrival.map((row, at) => [String(at + 1), clock(row['trade_ts']), ...numbers(row, ['price', 'volume'])]),
  ).toEqual(trades.map((row) => [row['Trade'], row['Time of the trade'], row['Price'], row['Volume']].map(String)))
  expect(
    averages.map((row) => [
      clock(row['window_start_ts']),
      clock(row['window_end_ts']),
      ...numbers(row, ['n', 'volume', 'vwap']),
    ]),
  ).toEqual(
    windows.map((row) =>
      [row['Window from'], row['to'], row['Trades in it']?.split(',').length, row['Volume'], row['vwap']].map(String),
    ),
  )
  const [minute] = bars.filter((row) => row['interval'] === '1m')
  expect([
    clock(minute?.['open_ts']).slice(0, 5),
    ...numbers(minute ?? {}, ['open', 'high', 'low', 'close', 'volume', 'vwap']),
  ]).toEqual(Object.values(candles[0] ?? {}))
  expect(averages.map((row) => row['closed_by'])).toEqual(['watermark', ...Array.from({ length: 6 }, () => 'idle')])
  expect(gaps).toEqual([])
})
