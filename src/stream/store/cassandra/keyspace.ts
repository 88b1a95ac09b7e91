import type { Client } from 'cassandra-driver'

import { StockpipeError } from '../../../errors.ts'
import { datacenterOf, nodesOf } from './client.ts'
import type { SchemaChanges } from './ddl.ts'
import { missing } from './errors.ts'
import type { CassandraOptions, Consistency } from './options.ts'

const MOST_COPIES = 3

export interface Keyspace {
  /** At which it is read and written. */
  consistency: Consistency
  /** Every node of the datacenter holds every row. */
  isEverywhere: boolean
}

/** Makes the keyspace if it is missing and we may. */
export async function openKeyspace(
  client: Client,
  changes: SchemaChanges,
  options: CassandraOptions,
): Promise<Keyspace> {
  const { keyspace } = options
  let replication = await replicationOf(client, keyspace)
  if (replication === null) {
    if (!options.migrate) throw missing('there is no such keyspace', options)
    await changes.make(creation(client, options))
    replication = await replicationOf(client, keyspace)
  }
  const datacenter = datacenterOf(client, options)
  const copies = copiesIn(datacenter, replication ?? {})
  if (copies === 0)
    throw new StockpipeError('schema', `keyspace "${keyspace}" has no copies in the datacenter stockpipe works with`, {
      why: `its replication is ${JSON.stringify(replication)}, the datacenter ${datacenter}`,
      hint: 'set --cassandra-datacenter to one that has, or alter the keyspace',
      mendable: true,
    })
  return {
    consistency: options.consistency ?? (copies === 1 ? 'LOCAL_ONE' : 'LOCAL_QUORUM'),
    isEverywhere: copies >= nodesOf(client, datacenter).length,
  }
}

function creation(client: Client, options: CassandraOptions): string {
  const datacenter = datacenterOf(client, options)
  const copies = options.replication ?? Math.min(MOST_COPIES, nodesOf(client, datacenter).length)
  const name = datacenter.replaceAll("'", "''")
  return `CREATE KEYSPACE IF NOT EXISTS "${options.keyspace}"
    WITH replication = {'class': 'NetworkTopologyStrategy', '${name}': ${copies}}`
}

/** Null where there is no such keyspace. */
export async function replicationOf(
  client: Client,
  keyspace: string,
): Promise<Readonly<Record<string, string>> | null> {
  const found = await client.execute(
    'SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?',
    [keyspace],
    { prepare: true, isIdempotent: true },
  )
  const [row] = found.rows
  return row === undefined ? null : (row['replication'] as Record<string, string>)
}

/** NaN where the strategy does not say. */
export function copiesIn(datacenter: string, replication: Readonly<Record<string, string>>): number {
  if (replication['class']?.endsWith('NetworkTopologyStrategy')) return Number.parseInt(replication[datacenter] ?? '0')
  return Number.parseInt(replication['replication_factor'] ?? '')
}
