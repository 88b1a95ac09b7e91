import type { Database, SQLQueryBindings } from 'bun:sqlite'

/** Rows that one transaction deletes: about as long as a write takes. */
const CHUNK_ROWS = 5000

/** Runs `work` in a transaction; throws after rolling back. */
export type Transact = (work: () => void) => void

export interface Range {
  table: string
  /** The column that orders the deletion. */
  time: string
  where: string
  values: readonly SQLQueryBindings[]
}

/** Deletes in short transactions with a pause between them, so that millions of rows hold nobody up. */
export class Remover {
  readonly #db: Database
  readonly #transact: Transact
  #isStopped = false

  constructor(db: Database, transact: Transact) {
    this.#db = db
    this.#transact = transact
  }

  /** Ends what is under way after its current transaction. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Resolves to the number of rows removed. The last step deletes what is left of the whole range and calls `finish`
   * in one transaction: a row that was written meanwhile is seen by it, or comes after it.
   */
  async remove({ table, time, where, values }: Range, finish: () => void = () => {}): Promise<number> {
    const next = this.#db.query<{ time: number }, SQLQueryBindings[]>(
      `SELECT ${time} AS time FROM ${table} WHERE ${where} ORDER BY ${time} LIMIT 1 OFFSET ${CHUNK_ROWS}`,
    )
    const remove = this.#db.query<unknown, SQLQueryBindings[]>(`DELETE FROM ${table} WHERE ${where} AND ${time} <= ?`)
    let removed = 0
    while (!this.#isStopped) {
      const bound = next.get(...values)
      this.#transact(() => {
        removed += remove.run(...values, bound?.time ?? Number.MAX_SAFE_INTEGER).changes
        if (bound === null) finish()
      })
      if (bound === null) break
      await new Promise(setImmediate)
    }
    return removed
  }
}
