import type { Client } from 'cassandra-driver'

import { DDL } from './arena.ts'
import { openCassandra } from './servers.ts'
import type { Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import type { Store } from '../stream/store.ts'

/** Makes the statement that gives a keyspace the very table `trades` that the pipeline makes for itself. */
export type TradesTable = (keyspace: string) => string

interface Source {
  /** Its keyspace is made, looked at and removed. */
  settings: Settings
  /** The store of the pipeline in the keyspace of the settings. */
  open: (settings: Settings) => Promise<Store>
}

export async function ownTradesTable({ settings, open }: Source): Promise<TradesTable> {
  const client = await openCassandra(settings)
  try {
    await using store = await open(settings)
    await store.id()
    return await tradesTableOf(client, settings)
  } finally {
    await client.execute(`DROP KEYSPACE IF EXISTS ${settings.cassandraKeyspace}`, [], DDL).catch(() => {})
    await client.shutdown()
  }
}

/** As the server describes it. What the pipeline says with each insert, how long rows live, is said by the table. */
export async function tradesTableOf(client: Client, settings: Settings): Promise<TradesTable> {
  const { cassandraKeyspace: keyspace, retentionTrades } = settings
  const { rows } = await client.execute(`DESCRIBE TABLE ${keyspace}.trades`, [], DDL)
  const statement = String(rows[0]?.['create_statement']).replace(/;\s*$/, '')
  const head = `CREATE TABLE ${keyspace}.trades`
  if (!statement.startsWith(head))
    throw new StockpipeError('internal', 'the table trades cannot be copied', { why: `it is: ${statement}` })
  const lives = retentionTrades === null ? '0' : String(Math.ceil(retentionTrades / 1_000))
  const body = statement.slice(head.length).replace(/default_time_to_live = \d+/, `default_time_to_live = ${lives}`)
  return (target) => `CREATE TABLE ${target}.trades${body}`
}
