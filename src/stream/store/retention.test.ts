import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { manualClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import type { LateRow, RollupRow } from '../../trade.ts'
import {
  candleRow,
  entry,
  gapRow,
  HOUR,
  INCARNATION,
  lateRow,
  latestRow,
  readAll,
  rollupRow,
  rows,
  tradeBatch,
  windowRow,
} from '../store.contract-rows.ts'
import { openEmbeddedStore } from './embedded.ts'
import type { Retention } from './retention.ts'

const HOUR_MS = 3_600_000
const DAY = 86_400_000

async function opened(retention: Retention) {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-retention-'))
  const path = join(folder, 'store.db')
  const clock = manualClock(HOUR + 1)
  const open = () => openEmbeddedStore({ path, clock, log: silentLog, retention })
  const harness = { clock, path, store: await open() }
  return {
    ...harness,
    async reopen() {
      await this.store[Symbol.asyncDispose]()
      this.store = await open()
    },
    async [Symbol.asyncDispose]() {
      await this.store[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const week: Retention = { tradesMs: 7 * DAY, candlesMs: null }
const owner = { partition: 3, incarnation: INCARNATION }

/** How many rows of a table that only a restart reads are left. */
function countOf(path: string, table: 'rollup' | 'written'): number {
  using raw = new Database(path, { readonly: true })
  return raw.query<{ rows: number }, []>(`SELECT count(*) AS rows FROM ${table}`).get()?.rows ?? 0
}

test('a trade stays for all of its retention, and is gone an hour later', async () => {
  await using held = await opened(week)
  const ingested = HOUR + 1_800_000
  await held.store.write(rows({ trades: [tradeBatch('S', [entry(HOUR)], { ingested })] }))
  await held.store.prune(ingested + 7 * DAY)
  expect(await readAll(held.store, 'trades', {})).toHaveLength(1)
  await held.store.prune(ingested + 7 * DAY + HOUR_MS)
  expect(await readAll(held.store, 'trades', {})).toHaveLength(0)
})

test('old trades that were written lately stay, and young neighbours of expired ones too', async () => {
  await using held = await opened(week)
  const now = HOUR + 30 * DAY
  await held.store.write(
    rows({
      trades: [
        tradeBatch('S', [entry(HOUR)], { offset: 1, ingested: HOUR }),
        tradeBatch('S', [entry(HOUR)], { offset: 2, ingested: now }),
        tradeBatch('S', [entry(HOUR)], { offset: 3, ingested: HOUR }),
      ],
    }),
  )
  await held.store.prune(now)
  expect((await readAll(held.store, 'trades', {})).map((row) => row.log_offset)).toEqual([2])
})

test('many more trades than one transaction deletes all go, those of one millisecond too', async () => {
  await using held = await opened(week)
  const trades = Array.from({ length: 300 }, (_, offset) =>
    tradeBatch(
      'S',
      Array.from({ length: 100 }, (_, index) => entry(HOUR + (offset < 150 ? 0 : offset * 100 + index))),
      { offset },
    ),
  )
  await held.store.write(rows({ trades }))
  await held.store.prune(HOUR + 8 * DAY)
  expect(await readAll(held.store, 'trades', {})).toHaveLength(0)
  expect(countOf(held.path, 'written')).toBe(0)
})

test('a frame that crosses the hour leaves as a whole, and so does what was written before a restart', async () => {
  await using held = await opened(week)
  await held.store.write(rows({ trades: [tradeBatch('S', [entry(HOUR - 1), entry(HOUR), entry(HOUR - 2)])] }))
  await held.reopen()
  await held.store.prune(HOUR + 8 * DAY)
  expect(await readAll(held.store, 'trades', {})).toHaveLength(0)
})

test('what is written into an expired hour after a prune goes with the next', async () => {
  await using held = await opened(week)
  const write = (offset: number) => held.store.write(rows({ trades: [tradeBatch('S', [entry(HOUR)], { offset })] }))
  await write(1)
  await held.store.prune(HOUR + 8 * DAY)
  await write(2)
  await held.store.prune(HOUR + 8 * DAY)
  expect(await readAll(held.store, 'trades', {})).toHaveLength(0)
})

test('a candle of seconds that was revised lately stays', async () => {
  await using held = await opened(week)
  const candle = (stamp: number) => candleRow('S', { interval: '1s', open: HOUR }, { stamp })
  await held.store.write(rows({ candles: [candle(1)] }))
  held.clock.advance(7 * DAY)
  await held.store.write(rows({ candles: [candle(2)] }))
  held.clock.advance(DAY)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'candles', {})).toHaveLength(1)
  held.clock.advance(7 * DAY)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'candles', {})).toHaveLength(0)
})

test('windows and longer candles have a retention of their own, and latest has none', async () => {
  await using held = await opened({ tradesMs: null, candlesMs: 30 * DAY })
  await held.store.write(
    rows({
      trades: [tradeBatch('S', [entry(HOUR)])],
      windows: [windowRow('S', HOUR)],
      candles: (['1s', '1m', '5m', '15m', '1h', '1d'] as const).map((interval) =>
        candleRow('S', { interval, open: Date.UTC(2024, 2, 5) }),
      ),
      latest: [latestRow('S', HOUR)],
    }),
  )
  held.clock.advance(30 * DAY - 1)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'windows', {})).toHaveLength(1)
  held.clock.advance(DAY + 1)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'windows', {})).toHaveLength(0)
  expect((await readAll(held.store, 'candles', {})).map((row) => row.interval)).toEqual(['1s'])
  expect(await readAll(held.store, 'trades', {})).toHaveLength(1)
  expect(await readAll(held.store, 'latest', {})).toHaveLength(1)
})

test('a rollup stays for three days, and until its partition has closed a minute of a later day', async () => {
  await using held = await opened(week)
  const rollup = (more: Partial<RollupRow>) => rows({ rollups: [rollupRow('S', HOUR, more)] })
  await held.store.write(rollup({ interval: '1h' }))
  await held.store.write(rollup({ interval: '1m' }))
  held.clock.advance(10 * DAY)
  await held.store.prune(held.clock.now())
  const watermark = HOUR + HOUR_MS
  const query = { ...owner, watermark, processed: 100 }
  expect((await held.store.restore(query)).rollups.map((row) => row.interval)).toEqual(['1h'])

  await held.store.write(rows({ rollups: [rollupRow('S', HOUR + 10 * DAY)] }))
  await held.store.prune(held.clock.now())
  expect(countOf(held.path, 'rollup')).toBe(1)
})

test('a rollup of a later day frees nothing that was written less than three days ago', async () => {
  await using held = await opened(week)
  await held.store.write(rows({ rollups: [rollupRow('S', HOUR), rollupRow('S', HOUR + 5 * DAY)] }))
  held.clock.advance(3 * DAY - 1)
  await held.store.prune(held.clock.now())
  expect(countOf(held.path, 'rollup')).toBe(2)
  held.clock.advance(2)
  await held.store.prune(held.clock.now())
  expect(countOf(held.path, 'rollup')).toBe(1)
})

test('a later incarnation frees the rollups of an earlier one', async () => {
  await using held = await opened(week)
  await held.store.write(
    rows({ rollups: [rollupRow('S', HOUR), rollupRow('S', HOUR, { incarnation: INCARNATION + 1 })] }),
  )
  held.clock.advance(4 * DAY)
  await held.store.prune(held.clock.now())
  const query = { partition: 3, watermark: HOUR + 60_000, processed: 100 }
  expect((await held.store.restore({ ...query, incarnation: INCARNATION })).rollups).toHaveLength(0)
  expect((await held.store.restore({ ...query, incarnation: INCARNATION + 1 })).rollups).toHaveLength(1)
})

test.each([
  ['that entered a long candle stays until its partition has left that day', '1d', 1],
  ['that restores nothing goes after its retention', '', 0],
] as const)('a late trade %s', async (_name, entry_interval, left) => {
  await using held = await opened(week)
  const late: LateRow = lateRow('S', HOUR, { entry_interval })
  await held.store.write(rows({ late: [late], rollups: [rollupRow('S', HOUR)] }))
  held.clock.advance(10 * DAY)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'late', {})).toHaveLength(left)

  await held.store.write(rows({ rollups: [rollupRow('S', HOUR + DAY)] }))
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'late', {})).toHaveLength(0)
})

test('closing in the middle of a prune ends it after its transaction', async () => {
  await using held = await opened(week)
  const trades = Array.from({ length: 200 }, (_, offset) =>
    tradeBatch(
      'S',
      Array.from({ length: 100 }, (_, index) => entry(HOUR + offset * 100 + index)),
      { offset },
    ),
  )
  await held.store.write(rows({ trades }))
  const pruning = held.store.prune(HOUR + 8 * DAY)
  await held.reopen()
  await pruning
  const left = (await readAll(held.store, 'trades', {})).length
  expect(left).toBeGreaterThan(0)
  await held.store.prune(HOUR + 8 * DAY)
  expect(await readAll(held.store, 'trades', {})).toHaveLength(0)
})

test('gaps are kept as long as the candles they explain', async () => {
  await using held = await opened({ tradesMs: DAY, candlesMs: 30 * DAY })
  await held.store.write(rows({ gaps: [gapRow('S', HOUR)] }))
  held.clock.advance(30 * DAY - 1)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'gaps', {})).toHaveLength(1)
  held.clock.advance(DAY + 1)
  await held.store.prune(held.clock.now())
  expect(await readAll(held.store, 'gaps', {})).toHaveLength(0)
})
