import { type Client, type QueryOptions, types } from 'cassandra-driver'

import type { Keyspace } from './keyspace.ts'
import type { Consistency } from './options.ts'

const CONSISTENCY_CODES: Readonly<Record<Consistency, number>> = {
  LOCAL_QUORUM: types.consistencies.localQuorum,
  LOCAL_ONE: types.consistencies.localOne,
  QUORUM: types.consistencies.quorum,
  ONE: types.consistencies.one,
  ALL: types.consistencies.all,
}

/** One row or several of one Cassandra partition, ready to be sent. */
export interface Statement {
  query: string
  params: unknown[]
}

export interface PageOptions {
  fetchSize?: number
  pageState?: string | undefined
}

/** Reads the tables of one keyspace. */
export interface Reader {
  /** Quoted, for statements. */
  readonly keyspace: string
  execute(query: string, params?: unknown[], page?: PageOptions): Promise<types.ResultSet>
}

/**
 * Prepared, idempotent statements at the store's consistency. Reads use that of writes, so that an acknowledged row
 * is seen. Errors are the driver's own.
 */
export class Session implements Reader {
  readonly client: Client
  readonly keyspace: string
  /** Rows of several Cassandra partitions may share a request: whichever node gets it holds them all. */
  readonly isEverywhere: boolean
  readonly #options: QueryOptions

  constructor(client: Client, keyspace: string, { consistency, isEverywhere }: Keyspace) {
    this.client = client
    this.isEverywhere = isEverywhere
    this.keyspace = `"${keyspace}"`
    this.#options = {
      prepare: true,
      isIdempotent: true,
      logged: false,
      consistency: CONSISTENCY_CODES[consistency],
    }
  }

  execute(query: string, params: unknown[] = [], page: PageOptions = {}): Promise<types.ResultSet> {
    const { fetchSize, pageState } = page
    return this.client.execute(query, params, {
      ...this.#options,
      ...(fetchSize === undefined ? {} : { fetchSize }),
      ...(pageState === undefined ? {} : { pageState }),
    })
  }

  /** Several statements in one request; of one Cassandra partition, unless `isEverywhere`. */
  async send(statements: readonly Statement[]): Promise<void> {
    const [first] = statements
    if (first === undefined) return
    if (statements.length === 1) await this.client.execute(first.query, first.params, this.#options)
    else await this.client.batch([...statements], this.#options)
  }

  /** A conditional statement. Never repeated by the driver, as its answer would then lie. */
  async compareAndSet(query: string, params: unknown[]): Promise<types.ResultSet> {
    return this.client.execute(query, params, {
      ...this.#options,
      isIdempotent: false,
      serialConsistency: types.consistencies.serial,
    })
  }
}
