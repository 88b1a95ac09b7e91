import type { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { manualClock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { silentLog } from '../../telemetry.ts'
import { openDatabase, transact } from '../sqlite.ts'
import { entry, HOUR, readAll, rows, tradeBatch } from '../store.contract-rows.ts'
import type { Store } from '../store.ts'
import { EmbeddedStore, MIGRATIONS } from './embedded.ts'
import { Inserter } from './insert.ts'
import { WriteQueue } from './write-queue.ts'
import { WrittenLedger } from './written.ts'

/** A database with the store's tables, in a folder that goes with it. */
function temporary() {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-queue-'))
  const path = join(folder, 'store.db')
  const clock = manualClock(HOUR)
  const open = () => openDatabase({ path, migrations: MIGRATIONS, clock })
  const openStore = (db: Database): Store =>
    new EmbeddedStore(db, { clock, log: silentLog, retention: { tradesMs: null, candlesMs: null } })
  return { open, openStore, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

const batches = (count: number, size: number) =>
  Array.from({ length: count }, (_, offset) =>
    tradeBatch(
      `S${offset % 10}`,
      Array.from({ length: size }, (_, index) => entry(HOUR + index)),
      { offset },
    ),
  )

/** A queue whose transactions are counted. */
function counting(db: Database) {
  const inserter = new Inserter(db, new WrittenLedger(db))
  const transactions: number[] = []
  const queue = new WriteQueue(inserter, (work) => {
    transact(db, work)
    transactions.push(db.query<{ rows: number }, []>('SELECT count(*) AS rows FROM trades').get()?.rows ?? 0)
  })
  return { queue, transactions }
}

test('calls that wait at the same time share one transaction', async () => {
  using folder = temporary()
  using db = folder.open()
  const { queue, transactions } = counting(db)
  await Promise.all(batches(50, 2).map((batch) => queue.write(rows({ trades: [batch] }))))
  expect(transactions).toEqual([100])
})

test('a large call is spread over transactions of bounded size, and a small one behind it waits its turn', async () => {
  using folder = temporary()
  using db = folder.open()
  const { queue, transactions } = counting(db)
  const done: string[] = []
  await Promise.all([
    queue.write(rows({ trades: batches(500, 100) })).then(() => done.push(`large after ${transactions.length}`)),
    queue.write(rows({ trades: [tradeBatch('X', [entry(HOUR)])] })).then(() => done.push('small')),
  ])
  expect(transactions).toEqual([20_000, 40_000, 50_001])
  expect(done).toEqual(['large after 3', 'small'])
})

test('a full disk rejects the whole transaction as retryable, and the same rows go in when there is room', async () => {
  using folder = temporary()
  const db = folder.open()
  await using store = folder.openStore(db)
  const pages = db.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0
  db.run(`PRAGMA max_page_count = ${pages + 20}`)
  const small = rows({ trades: [tradeBatch('SMALL', [entry(HOUR)])] })
  const large = rows({ trades: batches(100, 100) })
  const results = await Promise.allSettled([store.write(small), store.write(large)])
  for (const result of results) {
    const error = result.status === 'rejected' ? (result.reason as unknown) : null
    expect(error).toBeInstanceOf(StockpipeError)
    expect(error).toMatchObject({ code: 'disk-full', retryable: true })
  }
  expect(await readAll(store, 'trades', {})).toEqual([])

  await store.write(small)
  db.run('PRAGMA max_page_count = 1000000')
  await store.write(large)
  expect(await readAll(store, 'trades', {})).toHaveLength(10_001)
})

test('what a failed transaction noted for retention is noted again', async () => {
  using folder = temporary()
  const db = folder.open()
  await using store = folder.openStore(db)
  const write = rows({ trades: [tradeBatch('S', [entry(HOUR)])] })
  db.run("CREATE TRIGGER refuse BEFORE INSERT ON trades BEGIN SELECT raise(ABORT, 'refused'); END")
  expect((await Promise.allSettled([store.write(write)]))[0]?.status).toBe('rejected')
  db.run('DROP TRIGGER refuse')
  await store.write(write)
  expect(db.query('SELECT kind, symbol, start_ts FROM written').all()).toEqual([
    { kind: 'trades', symbol: 'S', start_ts: HOUR },
  ])
})

test('a transaction that cannot begin rejects its caller instead of trying for ever', async () => {
  using folder = temporary()
  using db = folder.open()
  using other = folder.open()
  db.run('PRAGMA busy_timeout = 0')
  await using store = folder.openStore(db)
  other.run('BEGIN IMMEDIATE')
  const write = rows({ trades: [tradeBatch('S', [entry(HOUR)])] })
  const [result] = await Promise.allSettled([store.write(write)])
  expect(result).toMatchObject({ status: 'rejected', reason: { code: 'in-use', retryable: true } })
  other.run('ROLLBACK')
  await store.write(write)
  expect(await readAll(store, 'trades', {})).toHaveLength(1)
})

test('closing commits what waits, and refuses what comes after', async () => {
  using folder = temporary()
  const store = folder.openStore(folder.open())
  const waiting = store.write(rows({ trades: batches(300, 100) }))
  await store[Symbol.asyncDispose]()
  await waiting
  expect((await Promise.allSettled([store.write(rows({}))]))[0]?.status).toBe('rejected')
  await using again = folder.openStore(folder.open())
  expect(await readAll(again, 'trades', {})).toHaveLength(30_000)
})
