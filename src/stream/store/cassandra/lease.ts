import { types } from 'cassandra-driver'

import { StockpipeError } from '../../../errors.ts'
import type { Session } from './session.ts'

/** A holder that died blocks the others no longer than this. */
const LEASE_S = 60

export const LEASE_TABLE = 'CREATE TABLE IF NOT EXISTS $keyspace.schema_lock (id text PRIMARY KEY, holder text)'

/** Who may change the schema. It expires by itself unless renewed. */
export class Lease {
  readonly #session: Session
  readonly #holder = types.Uuid.random().toString()

  constructor(session: Session) {
    this.#session = session
  }

  async acquire(): Promise<boolean> {
    const result = await this.#session.compareAndSet(
      `INSERT INTO ${this.#session.keyspace}.schema_lock (id, holder) VALUES ('schema', ?) IF NOT EXISTS
       USING TTL ${LEASE_S}`,
      [this.#holder],
    )
    // Ours already when the answer to an earlier try was lost.
    return result.wasApplied() || result.first()['holder'] === this.#holder
  }

  async renew(): Promise<void> {
    const result = await this.#session.compareAndSet(
      `UPDATE ${this.#session.keyspace}.schema_lock USING TTL ${LEASE_S} SET holder = ? WHERE id = 'schema' IF holder = ?`,
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
      `DELETE FROM ${this.#session.keyspace}.schema_lock WHERE id = 'schema' IF holder = ?`,
      [this.#holder],
    )
  }
}
