import type { Database } from 'bun:sqlite'

import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Log } from '../../telemetry.ts'
import { openDatabase, toStockpipeError, transact } from '../sqlite.ts'
import type { Query, Restored, RestoreQuery, Rows, TableName, Tables } from '../store.ts'
import type { CataloguedStore } from './catalog.ts'
import { EmbeddedCatalog } from './embedded-catalog.ts'
import { Inserter } from './insert.ts'
import { readPages, symbolsIn } from './read.ts'
import { Remover } from './remove.ts'
import { restoreFrom } from './restore.ts'
import { Retainer, type Retention } from './retention.ts'
import runs from './reprocess-runs.sql' with { type: 'text' }
import { readRuns, revisedRows, writeRun } from './revise.ts'
import type { ReprocessRun, RevisableStore, Revised } from './revisions.ts'
import schema from './schema.sql' with { type: 'text' }
import { WriteQueue } from './write-queue.ts'
import { WrittenLedger } from './written.ts'

export const MIGRATIONS = [
  { version: 1, sql: schema },
  { version: 2, sql: 'CREATE TABLE made_by (settings TEXT NOT NULL) STRICT' },
  // Nothing wrote gaps before.
  { version: 3, sql: 'ALTER TABLE gaps ADD COLUMN written_ts INTEGER NOT NULL DEFAULT 0' },
  { version: 4, sql: runs },
]

export interface EmbeddedStoreOptions {
  path: string
  clock: Clock
  log: Log
  retention: Retention
  /** Reads what another process has committed, and writes nothing. */
  readonly?: boolean
}

/** Opens, and unless `readonly` creates, the store in one SQLite file. */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  const { path, clock, readonly = false } = options
  return new EmbeddedStore(openDatabase({ path, migrations: MIGRATIONS, clock, readonly }), options)
}

export class EmbeddedStore implements RevisableStore, CataloguedStore {
  readonly durability = null
  readonly catalog: EmbeddedCatalog
  readonly #db: Database
  readonly #log: Log
  readonly #queue: WriteQueue
  readonly #inserter: Inserter
  readonly #clock: Clock
  readonly #remover: Remover
  readonly #retainer: Retainer
  readonly #isReadonly: boolean
  #isClosed = false
  #pruning: Promise<void> | null = null

  constructor(db: Database, { clock, log, retention, readonly }: Omit<EmbeddedStoreOptions, 'path'>) {
    const ledger = new WrittenLedger(db)
    const inserter = new Inserter(db, ledger)
    this.#db = db
    this.catalog = new EmbeddedCatalog(db, retention)
    this.#inserter = inserter
    this.#clock = clock
    this.#log = log
    this.#isReadonly = readonly ?? false
    this.#remover = new Remover(db, (work) => transact(db, work))
    this.#retainer = new Retainer(db, { remover: this.#remover, ledger, retention })
    this.#queue = new WriteQueue(inserter, (work) => {
      inserter.writtenAt = clock.now()
      try {
        transact(db, work)
      } catch (error) {
        ledger.forget()
        throw error
      }
    })
  }

  async write(rows: Rows): Promise<void> {
    this.#assertWritable()
    await this.#queue.write(rows)
  }

  async restore(query: RestoreQuery): Promise<Restored> {
    this.#assertOpen()
    return this.#reading(() => restoreFrom(this.#db, query))
  }

  async *read<Name extends TableName>(
    table: Name,
    query: Query<Tables[Name]>,
  ): AsyncGenerator<readonly Tables[Name][]> {
    this.#assertOpen()
    const pages = readPages(this.#db, table, query)
    for (;;) {
      const next = this.#reading(() => pages.next())
      if (next.done === true) return
      yield next.value
      // Others must get their turn, for a consumer that never waits would hold up the writer.
      await new Promise(setImmediate)
      this.#assertOpen()
    }
  }

  async symbols(): Promise<readonly string[]> {
    this.#assertOpen()
    const symbols = this.#reading(() => [...symbolsIn(this.#db, 'latest'), ...symbolsIn(this.#db, 'trades')])
    return [...new Set(symbols)].sort()
  }

  /** When its tables were made: no two stores of one data folder share that. */
  async id(): Promise<string> {
    this.#assertOpen()
    const sql = 'SELECT applied_ts AS at FROM schema_migrations WHERE version = 1'
    return this.#reading(() => String(this.#db.query<{ at: number }, []>(sql).get()?.at))
  }

  async revise(rows: Revised, now: number): Promise<void> {
    this.#assertWritable()
    transact(this.#db, () => {
      this.#inserter.writtenAt = this.#clock.now()
      for (const row of rows.repeats) this.#inserter.tradeRow(row)
    })
    await this.#queue.write(this.#reading(() => revisedRows(this.#db, rows, now)))
  }

  async runs(): Promise<readonly ReprocessRun[]> {
    this.#assertOpen()
    return this.#reading(() => readRuns(this.#db))
  }

  async recordRun(run: ReprocessRun): Promise<void> {
    this.#assertWritable()
    transact(this.#db, () => writeRun(this.#db, run))
  }

  async prune(now: number): Promise<void> {
    this.#assertWritable()
    this.#pruning ??= this.#prune(now).finally(() => (this.#pruning = null))
    await this.#pruning
  }

  async #prune(now: number): Promise<void> {
    const removed = await this.#retainer.prune(now)
    if (removed > 0) this.#log.info('store.pruned', { rows: removed })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#queue.flush()
    this.#remover.stop()
    await this.#pruning?.catch(() => {})
    this.#db.close()
  }

  #reading<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw toStockpipeError(error, this.#db.filename)
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StockpipeError('internal', 'the store is closed')
  }

  #assertWritable(): void {
    this.#assertOpen()
    if (this.#isReadonly) throw new StockpipeError('internal', 'the store was opened for reading only')
  }
}
