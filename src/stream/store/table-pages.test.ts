import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'

import { treeOf } from './table-pages.ts'

const ROWS = 60_000

/** As the store's tables are: by symbol and time, each symbol appended to. */
function filled(): Database {
  const db = new Database(':memory:')
  db.run('CREATE TABLE t (symbol TEXT, at INTEGER, price REAL, PRIMARY KEY (symbol, at)) STRICT, WITHOUT ROWID')
  const insert = db.query('INSERT INTO t VALUES (?, ?, ?)')
  db.transaction(() => {
    for (let row = 0; row < ROWS; row++) insert.run(`S${row % 7}`, row, row / 3)
  })()
  return db
}

test('a small tree is counted; of a large one a bounded part is read and the estimate is near', () => {
  using db = filled()
  const whole = treeOf(db, 't', 100_000)
  expect(whole).toMatchObject({ rows: ROWS, isWhole: true })
  const part = treeOf(db, 't', 40)
  expect(part.isWhole).toBe(false)
  for (const figure of ['rows', 'bytes'] as const) {
    expect(part[figure] / whole[figure]).toBeGreaterThan(0.6)
    expect(part[figure] / whole[figure]).toBeLessThan(1.6)
  }
})

test('a tree without a row is empty, and rows that need pages of their own are counted once', () => {
  using db = new Database(':memory:')
  db.run('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT, WITHOUT ROWID')
  expect(treeOf(db, 't')).toMatchObject({ rows: 0, bytes: 4096, isWhole: true })
  db.run('INSERT INTO t VALUES (1, ?)', ['x'.repeat(50_000)])
  expect(treeOf(db, 't')).toMatchObject({ rows: 1, isWhole: true })
  expect(treeOf(db, 't').bytes).toBeGreaterThan(50_000)
})
