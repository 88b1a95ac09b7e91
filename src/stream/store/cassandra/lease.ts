import { types } from 'cassandra-driver'

import { StockpipeError } from '../../../errors.ts'
import type { Session } from './session.ts'

/** A holder that died blocks the others no longer than this. */
const LEASE_S = 60

/** Who may change the schema: a row of `store_info` that expires by itself unless renewed. */
export class Lease {
  readonly #session: Session
  readonly #holder = types.Uuid.random().toString()

  constructor(session: Session) {
    this.#session = session
  }

  async acquire(): Promise<boolean> {
    const result = await this.#session.compareAndSet(
      `INSERT INTO ${this.#session.keyspace}.store_info (key, value) VALUES ('schema_lock', ?) IF NOT EXISTS
       USING TTL ${LEASE_S}`,
      [this.#holder],
    )
    // Ours already when the answer to an earlier try was lost.
    return result.wasApplied() || result.first()['value'] === this.#holder
  }

  async renew(): Promise<void> {
    const result = await this.#session.compareAndSet(
      `UPDATE ${this.#session.keyspace}.store_info USING TTL ${LEASE_S} SET value = ?
       WHERE key = 'schema_lock' IF value = ?`,
      [this.#holder, this.#holder],
    )
    if (result.wasApplied()) return
    throw new StockpipeError('unreachable', 'another process has taken over making the tables in Cassandra', {
      why: 'this one took too long',
      retryable: true,
    })
  }

  async release(): Promise<void> {
    await this.#session.compareAndSet(
      `DELETE FROM ${this.#session.keyspace}.store_info WHERE key = 'schema_lock' IF value = ?`,
      [this.#holder],
    )
  }
}
