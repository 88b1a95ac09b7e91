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
      const { bytes, usedBytes } = this.#size()
      const trees = new Map<string, Tree | null>()
      for (const name of TABLES) {
        trees.set(name, this.#treeOf(name))
        // Others must get their turn.
        await new Promise(setImmediate)
      }
      fit([...trees.values()], usedBytes)
      return { bytes, tables: [...trees].map(([name, tree]) => this.#told(name, tree)) }
    } catch (error) {
      throw toStockpipeError(error, this.#db.filename)
    }
  }

  #size(): { bytes: Figure; usedBytes: number } {
    const number = (pragma: string) =>
      this.#db.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0
    const [pages, free, size] = [number('page_count'), number('freelist_count'), number('page_size')]
    const note = free === 0 ? null : `${free} of ${pages} pages are free, for rows to come`
    return { bytes: exactly(pages * size, note), usedBytes: (pages - free) * size }
  }

  #told(name: string, tree: Tree | null): StoredTable {
    const readAs = READ_AS[name] ?? null
    const spans = readAs === null ? [] : spansOf(readAs, this.#retention)
    const figure = (of: (tree: Tree) => number): Figure => {
      if (tree === null) return unknown('this SQLite does not tell the pages of its tables')
      return tree.isWhole ? exactly(of(tree)) : about(of(tree), 'by its first pages, and what the file has left')
    }
    return {
      name,
      readAs,
      bytes: figure((tree) => tree.bytes),
      rows: figure((tree) => tree.rows),
      kept: spans.map(({ rows, wantedMs }) => keep(rows, wantedMs)),
    }
  }

  /** With its indexes. Null where this SQLite cannot tell. */
  #treeOf(table: string): Tree | null {
    const found = this.#db
      .query<{ name: string; type: string }, [string]>(
        "SELECT name, type FROM sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND rootpage > 0",
      )
      .all(table)
    try {
      const trees = found.map(({ name, type }) => ({ ...treeOf(this.#db, name), isTable: type === 'table' }))
      return {
        bytes: trees.reduce((sum, { bytes }) => sum + bytes, 0),
        rows: trees.find(({ isTable }) => isTable)?.rows ?? 0,
        isWhole: trees.every(({ isWhole }) => isWhole),
      }
    } catch (error) {
      if (error instanceof Error && error.message.includes('no such table: dbstat')) return null
      throw error
    }
  }
}

/** What those that were counted leave of the file belongs to the others: together they are as large as that. */
function fit(trees: readonly (Tree | null)[], usedBytes: number): void {
  const sum = (isWhole: boolean) =>
    trees.reduce((total, tree) => total + (tree !== null && tree.isWhole === isWhole ? tree.bytes : 0), 0)
  const factor = Math.max(0, usedBytes - sum(true)) / sum(false)
  for (const tree of trees) {
    if (tree === null || tree.isWhole) continue
    tree.bytes = Math.round(tree.bytes * factor)
    tree.rows = Math.round(tree.rows * factor)
  }
}

/** The process that writes removes them, and it has the settings of this one, for it is this one. */
const keep = (rows: string, wantedMs: number | null): Kept => ({
  rows,
  wantedMs,
  inForce: 'as-set',
  note: wantedMs === null ? null : 'removed by the hour or day, some time after',
})
