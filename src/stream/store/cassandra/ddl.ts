import type { Client, Host } from 'cassandra-driver'

import { StockpipeError } from '../../../errors.ts'
import { datacenterOf, nodesOf } from './client.ts'
import { isForbidden, missing } from './errors.ts'
import type { CassandraOptions } from './options.ts'

/** A schema change may take far longer than a row. */
const DDL_TIMEOUT_MS = 30_000
const AGREEMENT_MS = 30_000
const POLL_MS = 200

/**
 * Sends schema changes, all to the same node: of two that make a table at the same time through two nodes, one loses
 * its rows.
 */
export class SchemaChanges {
  readonly #client: Client
  readonly #options: CassandraOptions

  constructor(client: Client, options: CassandraOptions) {
    this.#client = client
    this.#options = options
  }

  /** A change of keyspace or tables: where this login may not make them somebody else does. */
  async make(statement: string): Promise<void> {
    try {
      await this.apply(statement)
    } catch (error) {
      throw isForbidden(error) ? missing(forbiddenWhy(error), this.#options, error) : error
    }
  }

  /** Resolves when all nodes that are up know the change. */
  async apply(statement: string): Promise<void> {
    const host = this.#host()
    const { info } = await this.#client.execute(statement, [], { host, readTimeout: DDL_TIMEOUT_MS })
    if (!('isSchemaInAgreement' in info) || info.isSchemaInAgreement === true) return
    const { clock } = this.#options
    for (const giveUp = clock.now() + AGREEMENT_MS; clock.now() < giveUp; await clock.sleep(POLL_MS))
      if (await this.#isAgreed(host)) return
    throw new StockpipeError('unreachable', 'the nodes of Cassandra do not agree on the schema', {
      why: `after ${AGREEMENT_MS / 1000} s they still have different versions`,
      hint: 'look at `nodetool describecluster`; it is tried again until they agree',
      retryable: true,
    })
  }

  /** The same for every process, as long as it is up. */
  #host(): Host {
    const nodes = nodesOf(this.#client, datacenterOf(this.#client, this.#options))
    const [first] = nodes.filter((host) => host.isUp()).sort((a, b) => (a.address < b.address ? -1 : 1))
    if (first !== undefined) return first
    throw new StockpipeError('unreachable', 'no node of Cassandra is up', { retryable: true })
  }

  async #isAgreed(host: Host): Promise<boolean> {
    const local = await this.#client.execute('SELECT schema_version FROM system.local', [], { host })
    const peers = await this.#client.execute('SELECT rpc_address, schema_version FROM system.peers', [], { host })
    const up = this.#client.hosts.values().filter((node) => node.isUp())
    const isUp = (address: unknown) => up.some((node) => node.address.startsWith(`${String(address)}:`))
    const seen = peers.rows.filter((row) => isUp(row['rpc_address']))
    return new Set([...local.rows, ...seen].map((row) => String(row['schema_version']))).size === 1
  }
}

const forbiddenWhy = (error: unknown): string =>
  `this login may not make them${error instanceof Error ? `: ${error.message}` : ''}`
