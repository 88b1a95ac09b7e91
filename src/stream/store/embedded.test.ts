import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { manualClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { bucketOf, dayOf, hourOf, INTERVALS } from '../../trade.ts'
import { candleRow, entry, HOUR, lateRow, readAll, rows, tradeBatch, windowRow } from '../store.contract-rows.ts'
import { testStore } from '../store.contract.ts'
import { openEmbeddedStore } from './embedded.ts'

const DAY = 86_400_000

function temporary() {
  const path = mkdtempSync(join(tmpdir(), 'stockpipe-store-'))
  const clock = manualClock(HOUR + 1)
  const open = (readonly = false) =>
    openEmbeddedStore({
      path: join(path, 'store.db'),
      clock,
      log: silentLog,
      retention: { tradesMs: 7 * DAY, candlesMs: null },
      readonly,
    })
  return { path, clock, open, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

testStore('the embedded store', async () => {
  const folder = temporary()
  const store = await folder.open()
  return {
    store,
    reopen: () => folder.open(true),
    async close() {
      await store[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
})

test('hour, day and bucket read like what the program computes', async () => {
  using folder = temporary()
  await using store = await folder.open()
  const midnight = Date.UTC(2024, 11, 31, 23, 59, 59, 999)
  const times = [HOUR, midnight, midnight + 1]
  await store.write(
    rows({
      trades: times.map((t, offset) => tradeBatch('S', [entry(t)], { offset })),
      candles: times.flatMap((open) => INTERVALS.map((interval) => candleRow('S', { interval, open }))),
      windows: times.map((end) => windowRow('S', end)),
      late: times.map((t, log_offset) => lateRow('S', t, { log_offset })),
    }),
  )
  using raw = new Database(join(folder.path, 'store.db'), { readonly: true })
  const found = <Row>(sql: string) => raw.query<Row, []>(sql).all()
  for (const { hour, t } of found<{ hour: string; t: number }>('SELECT hour, trade_ts AS t FROM trades'))
    expect(hour).toBe(hourOf(t))
  for (const { day, t } of found<{ day: string; t: number }>(
    'SELECT day, window_end_ts AS t FROM running_averages_15_sec',
  ))
    expect(day).toBe(dayOf(t))
  for (const row of found<{ bucket: string; interval: (typeof INTERVALS)[number]; t: number }>(
    'SELECT bucket, interval, open_ts AS t FROM candles',
  ))
    expect(row.bucket).toBe(bucketOf(row.interval, row.t))
})

test('trades and seconds go after their retention, counted from when they were written; longer candles stay', async () => {
  using folder = temporary()
  await using store = await folder.open()
  const { clock } = folder
  const old = {
    trades: [tradeBatch('S', [entry(HOUR)], { ingested: clock.now() })],
    candles: (['1s', '1m'] as const).map((interval) => candleRow('S', { interval, open: HOUR })),
  }
  await store.write(rows(old))
  clock.advance(8 * DAY)
  await store.write(
    rows({
      trades: [tradeBatch('S', [entry(HOUR + 1)], { offset: 2, ingested: clock.now() })],
      candles: [candleRow('S', { interval: '1s', open: HOUR + 1_000 })],
    }),
  )
  await store.prune(clock.now())
  expect((await readAll(store, 'trades', {})).map((row) => row.log_offset)).toEqual([2])
  expect((await readAll(store, 'candles', {})).map((row) => `${row.interval} ${row.open_ts}`).sort()).toEqual([
    `1m ${HOUR}`,
    `1s ${HOUR + 1_000}`,
  ])
})

test('every acknowledged row survives kill -9', async () => {
  using folder = temporary()
  const program = `
    import { openEmbeddedStore } from ${JSON.stringify(join(import.meta.dir, 'embedded.ts'))}
    import { systemClock } from ${JSON.stringify(join(import.meta.dir, '../../clock.ts'))}
    import { silentLog } from ${JSON.stringify(join(import.meta.dir, '../../telemetry.ts'))}
    import { entry, HOUR, rows, tradeBatch } from ${JSON.stringify(join(import.meta.dir, '../store.contract-rows.ts'))}
    const store = await openEmbeddedStore({ path: ${JSON.stringify(join(folder.path, 'store.db'))}, clock: systemClock, log: silentLog, retention: { tradesMs: null, candlesMs: null } })
    for (let offset = 0; ; offset++) {
      await store.write(rows({ trades: [tradeBatch('S', [entry(HOUR)], { offset })] }))
      console.log(offset)
    }`
  const child = Bun.spawn([process.execPath, '-e', program], {
    stdout: 'pipe',
    stderr: 'inherit',
    env: { ...process.env, NODE_ENV: 'test' },
  })
  let text = ''
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk)
    if (text.split('\n').length > 50) break
  }
  child.kill('SIGKILL')
  await child.exited
  const acknowledged = text.split('\n').slice(0, -1).map(Number)
  await using store = await folder.open()
  const kept = new Set((await readAll(store, 'trades', {})).map((row) => row.log_offset))
  expect(acknowledged.filter((offset) => !kept.has(offset))).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(40)
})

test('the catalog estimates what is large, and its tables are together as large as the file', async () => {
  using folder = temporary()
  await using store = await folder.open()
  const COUNT = 60_000
  const entries = Array.from({ length: COUNT / 20 }, (_, at) => entry(HOUR + at))
  const trades = Array.from({ length: 20 }, (_, offset) => tradeBatch(`S${offset % 5}`, entries, { offset }))
  await store.write(rows({ trades }))
  const { bytes, tables } = await store.catalog.survey()
  const [found] = tables
  expect(found).toMatchObject({ name: 'trades', rows: { isEstimate: true }, bytes: { isEstimate: true } })
  expect((found?.rows.value ?? 0) / COUNT).toBeWithin(0.8, 1.2)
  const sum = tables.reduce((total, table) => total + (table.bytes.value ?? 0), 0)
  expect(Math.abs(sum - (bytes.value ?? 0))).toBeLessThan(100_000)
})
