import { Database, SQLiteError } from 'bun:sqlite'
import { existsSync } from 'node:fs'

import type { Clock } from '../clock.ts'
import { StockpipeError, wrap } from '../errors.ts'
import { syncFile } from '../whole-files.ts'

export interface Migration {
  /** 1, 2, 3, ... */
  version: number
  sql: string
}

export interface DatabaseOptions {
  path: string
  migrations: readonly Migration[]
  clock: Clock
  /** Reads beside a process that writes; the file must exist. */
  readonly?: boolean
}

/** The write-ahead log shrinks to this after a reader made it grow. */
const JOURNAL_BYTES = 67_108_864

/**
 * Opens a SQLite file whose commits are durable when they return (WAL, synchronous FULL) and brings its tables to
 * the newest version. Throws `data-dir` for a file that is missing, no database, of a newer version, or changed.
 */
export function openDatabase({ path, migrations, clock, readonly = false }: DatabaseOptions): Database {
  if (readonly && !existsSync(path))
    throw new StockpipeError('data-dir', `there is no data at ${path}`, {
      hint: 'run the pipeline first, or name another --data-dir',
    })
  let database: Database | undefined
  try {
    database = new Database(path, readonly ? { readonly: true } : { create: true })
    database.run('PRAGMA busy_timeout = 5000')
    if (!readonly) {
      database.run('PRAGMA auto_vacuum = INCREMENTAL')
      database.run('PRAGMA journal_mode = WAL')
      database.run('PRAGMA synchronous = FULL')
      database.run(`PRAGMA journal_size_limit = ${JOURNAL_BYTES}`)
      // Pages that many commits touch are copied from the log to the file once, not every 4 MB.
      database.run('PRAGMA wal_autocheckpoint = 8000')
      database.run('PRAGMA cache_size = -65536')
    }
    migrate(database, { path, migrations, clock, readonly })
    return database
  } catch (error) {
    database?.close()
    throw toStockpipeError(error, path)
  }
}

function migrate(database: Database, { path, migrations, clock, readonly }: DatabaseOptions): void {
  if (readonly !== true)
    database.run(
      'CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_ts INTEGER NOT NULL, checksum TEXT NOT NULL) STRICT',
    )
  const applied = new Map(
    database
      .query<{ version: number; checksum: string }, []>('SELECT version, checksum FROM schema_migrations')
      .all()
      .map((row) => [row.version, row.checksum]),
  )
  const known = new Set(migrations.map(({ version }) => version))
  const newer = [...applied.keys()].find((version) => !known.has(version))
  if (newer !== undefined)
    throw new StockpipeError('data-dir', `${path} was written by a newer stockpipe`, {
      why: `it has schema version ${newer}`,
      hint: 'use that version, or another --data-dir',
    })
  for (const { version, sql } of migrations) {
    const checksum = new Bun.CryptoHasher('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex')
    const found = applied.get(version)
    if (found === checksum) continue
    if (found !== undefined || readonly === true)
      throw new StockpipeError('data-dir', `${path} has other tables than this version of stockpipe`, {
        why: `schema version ${version} differs`,
        hint: 'use the version that wrote it, or another --data-dir',
      })
    transact(database, () => {
      database.run(sql)
      database.run('INSERT INTO schema_migrations VALUES (?, ?, ?)', [version, clock.now(), checksum])
    })
  }
}

/**
 * Writes what the file holds at one moment into a new one, beside a process that writes; durable when it returns. Throws
 * `data-dir` for a file that is missing.
 */
export function copyDatabase(path: string, target: string): void {
  using database = openToRead(path)
  try {
    database.query('VACUUM INTO ?').run(target)
    syncFile(target)
  } catch (error) {
    // What can be wrong with the source was found when it was opened: a full disk is the other one.
    throw toStockpipeError(error, target)
  }
}

/** What SQLite finds wrong with a file; null where all is well. */
export function damageOf(path: string): string | null {
  try {
    using database = openToRead(path)
    const said = database.query<{ integrity_check: string }, []>('PRAGMA integrity_check(1)').get()?.integrity_check
    return said === 'ok' ? null : (said ?? 'it cannot be read')
  } catch (error) {
    return error instanceof StockpipeError ? (error.why ?? error.message) : String(error)
  }
}

/** Whatever the version of its tables. */
export function openToRead(path: string): Database {
  if (!existsSync(path))
    throw new StockpipeError('data-dir', `there is no data at ${path}`, {
      hint: 'run the pipeline first, or name another --data-dir',
    })
  try {
    const database = new Database(path, { readonly: true })
    database.run('PRAGMA busy_timeout = 5000')
    database.query('SELECT count(*) FROM sqlite_schema').get()
    return database
  } catch (error) {
    throw toStockpipeError(error, path)
  }
}

/** Runs `work` in one transaction: all of it is durable when this returns, or none of it happened. */
export function transact<Result>(database: Database, work: () => Result): Result {
  try {
    database.run('BEGIN IMMEDIATE')
    const result = work()
    database.run('COMMIT')
    return result
  } catch (error) {
    rollBack(database)
    throw toStockpipeError(error, database.filename)
  }
}

/** A rollback that fails must not hide why it was needed; SQLite then undoes the transaction by itself. */
function rollBack(database: Database): void {
  try {
    if (database.inTransaction) database.run('ROLLBACK')
  } catch {}
}

const FULL = ['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_SHMSIZE']

/** What SQLite says, as one of our errors: what may pass is retryable. */
export function toStockpipeError(error: unknown, path: string): StockpipeError {
  if (!(error instanceof SQLiteError)) return wrap('internal', `cannot use ${path}`, error)
  const code = error.code ?? ''
  const details = { why: error.message, cause: error }
  if (FULL.includes(code))
    return new StockpipeError('disk-full', `the disk that holds ${path} is full`, {
      ...details,
      retryable: true,
      hint: 'free some space on it',
    })
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return new StockpipeError('in-use', `${path} is locked by another program`, {
      ...details,
      retryable: true,
      hint: 'close the program that has it open for writing',
    })
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN') || code === 'SQLITE_PERM')
    return new StockpipeError('data-dir', `cannot write ${path}`, {
      ...details,
      hint: 'check the rights of the folder, or name another --data-dir',
    })
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return new StockpipeError('corrupt', `${path} is damaged`, {
      ...details,
      hint: 'restore a copy, or move the file away and start anew',
    })
  if (code.startsWith('SQLITE_IOERR'))
    return new StockpipeError('disk-full', `the disk that holds ${path} fails`, {
      ...details,
      retryable: true,
      hint: 'look at the disk',
    })
  return new StockpipeError('internal', `cannot use ${path}`, details)
}
