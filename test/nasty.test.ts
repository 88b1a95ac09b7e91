import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { exported, replayArgs, type Row, stockpipe, temporaryFolder } from './binary.ts'
import { expectedOf, nastyRecording } from './nasty.ts'
import type { OracleWindow } from './oracle.ts'

/** More by hand: NASTY_SEEDS=200 bun test test/nasty.test.ts */
const SEEDS = Number(process.env['NASTY_SEEDS'] ?? 4)
const isNear = (actual: unknown, wanted: number): boolean =>
  typeof actual === 'number' && Math.abs(actual - wanted) <= 1e-9 * Math.abs(wanted)

function differs(row: Row | undefined, wanted: OracleWindow): boolean {
  return (
    row === undefined ||
    row['n'] !== wanted.n ||
    row['open'] !== wanted.open ||
    row['high'] !== wanted.high ||
    row['low'] !== wanted.low ||
    row['close'] !== wanted.close ||
    !isNear(row['volume'], wanted.volume) ||
    !isNear(row['vwap'], wanted.pv / wanted.volume) ||
    row['final'] !== true ||
    row['closed_by'] !== (wanted.isPast ? 'watermark' : 'idle')
  )
}

async function storedWindows(folder: string): Promise<Map<string, Row>> {
  const candles = (await exported('candles', folder)).map(
    (row) => [`${row['symbol']}|${row['interval']}|${row['open_ts']}`, row] as const,
  )
  const windows = (await exported('windows', folder)).map(
    (row) => [`${row['symbol']}|window|${row['window_start_ts']}`, row] as const,
  )
  return new Map([...candles, ...windows])
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test.each([1, 12])(
    `nasty recording ${seed} gives the rows that the rules give, at %d partitions`,
    async (partitions) => {
      using folder = temporaryFolder()
      const recording = nastyRecording(seed)
      const file = join(folder.path, 'nasty.ndjson')
      writeFileSync(file, recording.text)
      const data = join(folder.path, 'data')
      const run = await stockpipe(replayArgs(file, data, '--partitions', String(partitions)))
      expect({ code: run.code, stderr: run.code === 0 ? '' : run.stderr }).toEqual({ code: 0, stderr: '' })
      const expected = expectedOf(recording, partitions)
      const stored = await storedWindows(data)
      const wanted = new Map([...expected.values()].flatMap(({ windows }) => [...windows]))
      expect(
        [...wanted].flatMap(([key, window]) =>
          differs(stored.get(key), window) ? [{ key, wanted: window, stored: stored.get(key) }] : [],
        ),
      ).toEqual([])
      expect([...stored.keys()].filter((key) => !wanted.has(key))).toEqual([])
      const trades = await exported('trades', data)
      const idsOf = (rows: readonly Row[]) =>
        rows.map((row) => `${row['log_partition']}/${row['log_offset']}:${row['log_index']}`).sort()
      const future = [...expected].flatMap(([partition, { future }]) => future.map((id) => `${partition}/${id}`))
      const all = [...expected].flatMap(([partition, { trades }]) => trades.map((id) => `${partition}/${id}`))
      expect(idsOf(trades.filter((row) => row['flags'] === 'future'))).toEqual(future.sort())
      expect(idsOf(trades.filter((row) => row['flags'] === ''))).toEqual(all.sort())
    },
  )
}
