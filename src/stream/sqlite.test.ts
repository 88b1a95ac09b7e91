import { afterAll, expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { manualClock } from '../clock.ts'
import { openDatabase, transact } from './sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'stockpipe-sqlite-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let files = 0
const newPath = (): string => join(root, `${++files}.db`)
const clock = manualClock(1_700_000_000_000)
const ONE = { version: 1, sql: 'CREATE TABLE a (x INTEGER) STRICT' }
const TWO = { version: 2, sql: 'CREATE TABLE b (y INTEGER) STRICT' }

test('a commit is durable when it returns', () => {
  using database = openDatabase({ path: newPath(), migrations: [ONE], clock })
  expect(database.query('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  expect(database.query('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
  expect(database.query('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: 2 })
})

test('what is missing is applied once, in order, and written down', () => {
  const path = newPath()
  openDatabase({ path, migrations: [ONE], clock }).close()
  using database = openDatabase({ path, migrations: [ONE, TWO], clock })
  database.run('INSERT INTO b VALUES (1)')
  expect(database.query('SELECT version, applied_ts FROM schema_migrations').all()).toEqual([
    { version: 1, applied_ts: 1_700_000_000_000 },
    { version: 2, applied_ts: 1_700_000_000_000 },
  ])
})

test('line ends of another system make no other version', () => {
  const path = newPath()
  openDatabase({ path, migrations: [{ version: 1, sql: 'CREATE TABLE a (\n  x)' }], clock }).close()
  openDatabase({ path, migrations: [{ version: 1, sql: 'CREATE TABLE a (\r\n  x)' }], clock }).close()
})

test('a file of a newer version, or with other tables, is left alone', () => {
  const path = newPath()
  openDatabase({ path, migrations: [ONE, TWO], clock }).close()
  const refused = (work: () => unknown) => expect(work).toThrow(expect.objectContaining({ code: 'data-dir' }))
  refused(() => openDatabase({ path, migrations: [ONE], clock }))
  refused(() => openDatabase({ path, migrations: [ONE, { version: 2, sql: 'CREATE TABLE c (z)' }], clock }))
  openDatabase({ path, migrations: [ONE, TWO], clock }).close()
})

test('a migration that fails leaves nothing behind', () => {
  const path = newPath()
  const broken = { version: 2, sql: 'CREATE TABLE c (z); CREATE TABLE a (x)' }
  expect(() => openDatabase({ path, migrations: [ONE, broken], clock })).toThrow()
  openDatabase({ path, migrations: [ONE, { version: 2, sql: 'CREATE TABLE c (z)' }], clock }).close()
})

test('a reader changes nothing and needs a file', () => {
  const path = newPath()
  expect(() => openDatabase({ path, migrations: [ONE], clock, readonly: true })).toThrow(
    expect.objectContaining({ code: 'data-dir' }),
  )
  using _writer = openDatabase({ path, migrations: [ONE], clock })
  using reader = openDatabase({ path, migrations: [ONE], clock, readonly: true })
  expect(() => transact(reader, () => reader.run('INSERT INTO a VALUES (1)'))).toThrow(
    expect.objectContaining({ code: 'data-dir' }),
  )
})

test('a file that is no database is called damaged', () => {
  const path = newPath()
  writeFileSync(path, 'prices: '.repeat(1_000))
  expect(() => openDatabase({ path, migrations: [ONE], clock })).toThrow(expect.objectContaining({ code: 'corrupt' }))
})

test('a full disk undoes the transaction and may pass', () => {
  using database = openDatabase({ path: newPath(), migrations: [ONE], clock })
  database.run('PRAGMA max_page_count = 10')
  const fill = () => {
    for (let x = 0; x < 10_000; x++) database.run('INSERT INTO a VALUES (?)', [x])
  }
  expect(() => transact(database, fill)).toThrow(expect.objectContaining({ code: 'disk-full', retryable: true }))
  expect(database.query('SELECT count(*) AS n FROM a').get()).toEqual({ n: 0 })
  transact(database, () => database.run('INSERT INTO a VALUES (1)'))
})

test('a file that another program holds is in use, and may be free later', () => {
  const path = newPath()
  using database = openDatabase({ path, migrations: [ONE], clock })
  database.run('PRAGMA busy_timeout = 0')
  using other = new Database(path)
  other.run('BEGIN IMMEDIATE')
  expect(() => transact(database, () => {})).toThrow(expect.objectContaining({ code: 'in-use', retryable: true }))
})
