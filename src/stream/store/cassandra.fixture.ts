import { Client, type types } from 'cassandra-driver'

import { systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { type CassandraOptions, type CassandraStore, openCassandraStore } from './cassandra.ts'

export const DAY_MS = 86_400_000

export interface Address {
  readonly contactPoints: readonly string[]
  readonly port: number
  readonly datacenter: string
}

let keyspaces = 0

/** A keyspace of a test's own on a server that others use too; dropped at the end of the scope. */
export class TestKeyspace implements AsyncDisposable {
  readonly name = `t${process.pid}_${Date.now().toString(36)}_${++keyspaces}`
  readonly options: CassandraOptions
  /** Sees what is really there. */
  readonly client: Client

  constructor({ contactPoints, port, datacenter }: Address, credentials: CassandraOptions['credentials'] = null) {
    this.options = {
      contactPoints,
      port,
      datacenter: null,
      keyspace: this.name,
      replication: null,
      credentials,
      consistency: null,
      tls: null,
      retention: { tradesMs: 7 * DAY_MS, candlesMs: null },
      durabilityLag: null,
      migrate: true,
      clock: systemClock,
      log: silentLog,
    }
    this.client = new Client({
      contactPoints: [...contactPoints],
      protocolOptions: { port },
      localDataCenter: datacenter,
      socketOptions: { readTimeout: 30_000 },
      ...(credentials === null ? {} : { credentials }),
    })
  }

  open(more: Partial<CassandraOptions> = {}): Promise<CassandraStore> {
    return openCassandraStore({ ...this.options, ...more })
  }

  /** Runs a statement in which `$` stands for the keyspace. */
  async ask(statement: string, params: unknown[] = []): Promise<types.Row[]> {
    const { rows } = await this.client.execute(statement.replaceAll('$', this.name), params, {
      prepare: params.length > 0,
    })
    return rows
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ask('DROP KEYSPACE IF EXISTS $')
    await this.client.shutdown()
  }
}
