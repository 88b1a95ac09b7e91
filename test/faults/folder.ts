/** What tests that break the embedded mode have in common: a recording to replay, and what a data folder holds. */
import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'

import { exported, type Row, stockpipe } from '../binary.ts'
import { logOf } from '../recomputed.ts'
import { history } from '../../src/ingest/simulator/market.ts'
import { simulatorOptions } from '../../src/ingest/simulator/options.ts'
import type { Entry } from '../../src/trade.ts'

export interface Recording {
  frames: number
  /** How far the feed's clock is ahead of the receipt, by frame, ms. */
  ahead?: (frame: number) => number
}

/** A recording of 6 trades a frame, some of them late, and some lines that are none. */
export function writeRecording(file: string, { frames, ahead = () => 0 }: Recording): void {
  let state = 12_345
  const random = (below: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) % below
  const lines = Array.from({ length: frames }, (_, frame) => {
    const received = 1_700_000_000_000 + frame * 50
    const data = Array.from({ length: 6 }, () => {
      const t = received + ahead(frame) - random(random(100) === 0 ? 25_000 : 500)
      return { c: null, p: 100 + random(1_000) / 100, s: `SYM${random(5)}`, t, v: 1 + random(1_000) }
    })
    const line = JSON.stringify({ received, conn: 1, frame: JSON.stringify({ data, type: 'trade' }) })
    return frame % 500 === 0 ? `${line}\n{"broken ${frame}` : line
  })
  writeFileSync(file, lines.join('\n'))
}

/** Everything in the store, but for when it was written. */
export async function contentOf(folder: string): Promise<Row[][]> {
  const tables = await Promise.all(['trades', 'windows', 'candles'].map((table) => exported(table, folder)))
  return tables.map((rows) => rows.map((row) => ({ ...row, ingested_ts: null })))
}

/** `stockpipe verify` finds no difference. */
export async function expectVerified(folder: string): Promise<void> {
  const { code, stdout, stderr } = await stockpipe(['verify', '--data-dir', folder])
  expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' })
}

/** The simulated market is a function of time: what the log holds must be all of it, from its first trade to its last. */
export async function historyDifferences(folder: string): Promise<string[]> {
  const records = (await logOf(folder, 'simulated')).flat()
  const found = records.flatMap(({ entries, repeats }) => entries.filter((_, index) => !repeats.includes(index)))
  const [from, to] = found.reduce(([a, b], { t }) => [Math.min(a, t), Math.max(b, t)], [Infinity, 0])
  const symbols = ['BINANCE:BTCUSDT', 'BINANCE:ETHUSDT', 'BINANCE:XRPUSDT', 'BINANCE:DOGEUSDT']
  const options = simulatorOptions({ symbols, rate: 20 })
  // The last moment may have been cut in the middle.
  const name = ({ s, t, p, v }: Entry) => `${t} ${s} ${p} ${v}`
  const before = to - 1_000
  const counts = new Map<string, number>()
  for (const entry of history(symbols, { from, to: before }, options))
    counts.set(name(entry), (counts.get(name(entry)) ?? 0) + 1)
  for (const entry of found) if (entry.t < before) counts.set(name(entry), (counts.get(name(entry)) ?? 0) - 1)
  return [...counts].filter(([, count]) => count !== 0).map(([one, count]) => `${one}: ${count > 0 ? 'lost' : 'twice'}`)
}
