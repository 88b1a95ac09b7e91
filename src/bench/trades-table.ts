import type { Client } from 'cassandra-driver'

import { type Entry, hourOf } from '../trade.ts'

/** The table `trades`, written and read with plain statements. */

const COLUMNS = [
  'symbol',
  'hour',
  'trade_ts',
  'log_partition',
  'log_offset',
  'log_index',
  'price',
  'volume',
  'conditions',
  'received_ts',
  'ingested_ts',
  'flags',
] as const

const KEY = 'symbol = ? AND hour = ? AND trade_ts = ? AND log_partition = ? AND log_offset = ? AND log_index = ?'

export const createKeyspace = (keyspace: string, datacenter: string, replication: number): string =>
  `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', '${datacenter}': ${replication}}`

export const insertTrade = (keyspace: string): string =>
  `INSERT INTO ${keyspace}.trades (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`

/** Where a record lies, and what is known of it besides its entries. */
export interface Place {
  partition: number
  offset: number
  received: number | null
  ingested: number
}

/** The parameters of `insertTrade`. */
export const tradeValues = (
  entry: Entry,
  index: number,
  { partition, offset, received, ingested }: Place,
): unknown[] => [
  entry.s,
  hourOf(entry.t),
  entry.t,
  partition,
  offset,
  index,
  entry.p,
  entry.v,
  entry.c?.join(',') ?? '',
  received,
  ingested,
  '',
]

/** The key of one row of `trades`. */
export interface TradeKey {
  symbol: string
  tradeTs: number
  partition: number
  offset: number
  index: number
}

/** True when the row can be read. */
export async function isReadable(client: Client, keyspace: string, key: TradeKey): Promise<boolean> {
  const { symbol, tradeTs, partition, offset, index } = key
  const values = [symbol, hourOf(tradeTs), tradeTs, partition, offset, index]
  const { rowLength } = await client.execute(`SELECT log_index FROM ${keyspace}.trades WHERE ${KEY}`, values)
  return rowLength > 0
}

/** How many rows these symbols have, of the hours from `from` to `to` (unix ms). */
export async function countTrades(
  client: Client,
  keyspace: string,
  { symbols, from, to }: { symbols: readonly string[]; from: number; to: number },
): Promise<number> {
  const hours = new Set<string>()
  for (let at = from; at < to + HOUR_MS; at += HOUR_MS) hours.add(hourOf(Math.min(at, to)))
  let count = 0
  for (const symbol of symbols)
    for (const hour of hours) {
      const query = `SELECT count(*) AS rows FROM ${keyspace}.trades WHERE symbol = ? AND hour = ?`
      const { rows } = await client.execute(query, [symbol, hour])
      count += Number(rows[0]?.['rows'])
    }
  return count
}
const HOUR_MS = 3_600_000
