import { StockpipeError } from '../../../errors.ts'
import type { Session } from './session.ts'
import { TABLES } from './tables.ts'

/**
 * Before the first tables are made: a table that has one of our names and lacks our columns is another program's, and
 * `CREATE TABLE IF NOT EXISTS` would pass over it. Throws a mendable `schema` error that names it.
 */
export async function refuseForeignTables(session: Session, keyspace: string): Promise<void> {
  const { rows } = await session.execute(
    'SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = ?',
    [keyspace],
  )
  const found = Map.groupBy(rows, (row) => String(row['table_name']))
  for (const { name, columns } of Object.values(TABLES)) {
    const there = found.get(name)?.map((row) => String(row['column_name']))
    const lacking = columns.filter((column) => !there?.includes(column))
    if (there === undefined || lacking.length === 0) continue
    throw new StockpipeError('schema', `keyspace "${keyspace}" holds a table "${name}" of another program`, {
      why: `it lacks ${lacking.slice(0, 3).join(', ')}${lacking.length > 3 ? ' and more' : ''}; nothing was changed`,
      hint: 'name another keyspace with --cassandra-keyspace, or save its rows and drop it (it goes on by itself then)',
      mendable: true,
    })
  }
}
