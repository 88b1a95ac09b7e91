import type { Database } from 'bun:sqlite'

import { toStockpipeError } from '../sqlite.ts'
import {
  about,
  exactly,
  type Figure,
  type Kept,
  READ_AS,
  spansOf,
  type StoreCatalog,
  type StoredTable,
  type Survey,
  unknown,
} from './catalog.ts'
import type { Retention } from './retention.ts'
import { type Tree, treeOf } from './table-pages.ts'

const TABLES = [...Object.keys(READ_AS), 'rollup', 'symbols', 'written', 'reprocess_runs']

export class EmbeddedCatalog implements StoreCatalog {
  readonly #db: Database
  readonly #retention: Retention

  constructor(db: Database, retention: Retention) {
    this.#db = db
    this.#retention = retention
  }

  async survey(): Promise<Survey> {
    try {
      const bytes = this.#size()
      const tables: StoredTable[] = []
      for (const name of TABLES) {
        tables.push(this.#table(name))
        // Others must get their turn.
        await new Promise(setImmediate)
      }
      return { bytes, tables }
    } catch (error) {
      throw toStockpipeError(error, this.#db.filename)
    }
  }

  #size(): Figure {
    const number = (pragma: string) =>
      this.#db.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0
    const [pages, free, size] = [number('page_count'), number('freelist_count'), number('page_size')]
    return exactly(pages * size, free === 0 ? null : `${free} of ${pages} pages are free, for rows to come`)
  }

  #table(name: string): StoredTable {
    const readAs = READ_AS[name] ?? null
    const kept =
      readAs === null ? [] : spansOf(readAs, this.#retention).map(({ rows, wantedMs }) => keep(rows, wantedMs))
    return { name, readAs, ...this.#figures(name), kept }
  }

  #figures(table: string): Pick<StoredTable, 'bytes' | 'rows'> {
    const trees = this.#db
      .query<{ name: string; type: string }, [string]>(
        "SELECT name, type FROM sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND rootpage > 0",
      )
      .all(table)
    let found: readonly { type: string; tree: Tree }[]
    try {
      found = trees.map(({ name, type }) => ({ type, tree: treeOf(this.#db, name) }))
    } catch (error) {
      if (!isWithoutStatistics(error)) throw error
      const why = unknown('this SQLite does not tell the pages of its tables')
      return { bytes: why, rows: why }
    }
    const isWhole = found.every(({ tree }) => tree.isWhole)
    const figure = (value: number) => (isWhole ? exactly(value) : about(value, 'by its first pages'))
    return {
      bytes: figure(found.reduce((sum, { tree }) => sum + tree.bytes, 0)),
      rows: figure(found.find(({ type }) => type === 'table')?.tree.rows ?? 0),
    }
  }
}

/** The process that writes removes them, and it has the settings of this one, for it is this one. */
const keep = (rows: string, wantedMs: number | null): Kept => ({
  rows,
  wantedMs,
  inForce: 'as-set',
  note: wantedMs === null ? null : 'removed by the hour or day, some time after',
})

const isWithoutStatistics = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('no such table: dbstat')
