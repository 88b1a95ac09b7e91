import { createHash } from 'node:crypto'

import { StockpipeError } from '../../../errors.ts'
import { isMissing, isRefused, missing } from './errors.ts'
import { refuseForeignTables } from './foreign-tables.ts'
import type { SchemaChanges } from './ddl.ts'
import { Lease } from './lease.ts'
import type { CassandraOptions } from './options.ts'
import roles from './roles.cql' with { type: 'text' }
import runs from './reprocess-runs.cql' with { type: 'text' }
import schema from './schema.cql' with { type: 'text' }
import type { Session } from './session.ts'
import { tableOptions } from './table-options.ts'

interface Migration {
  version: number
  text: string
  /** About logins: nothing to do where there are none, and left to an administrator where ours may not. */
  isAboutRoles?: boolean
}

const MIGRATIONS: readonly Migration[] = [
  { version: 1, text: schema },
  { version: 2, text: roles, isAboutRoles: true },
  { version: 3, text: runs },
]

/** What migrating itself needs. `store_info` holds its lock, the store's id and its origin stamp. */
const FIRST_TABLES = [
  'CREATE TABLE IF NOT EXISTS $keyspace.schema_migrations (version int PRIMARY KEY, applied_ts timestamp, checksum text)',
  'CREATE TABLE IF NOT EXISTS $keyspace.store_info (key text PRIMARY KEY, value text)',
]

/** How long to wait for another process that makes the tables, before the caller hears of it. */
const WAIT_MS = 30_000
const POLL_MS = 300

interface Work {
  session: Session
  changes: SchemaChanges
  options: CassandraOptions
  migrations: readonly Migration[]
}

/**
 * Makes what tables are missing, or, without `migrate`, only checks that none is. Of several processes one does it
 * and the others wait. Throws a mendable `schema` error where the tables are not those that this program knows.
 */
export async function migrate(work: Omit<Work, 'migrations'>, migrations = MIGRATIONS): Promise<void> {
  const { session, changes, options } = work
  const wanted = await pending(session, options, migrations)
  if (wanted.length === 0) return
  if (wanted.some(({ version }) => version === 1)) await refuseForeignTables(session, options.keyspace)
  if (!options.migrate) throw missing('they were not made yet, or by an older stockpipe', options)
  for (const table of FIRST_TABLES) await changes.make(fill(table, work))
  const lease = new Lease(session)
  for (const giveUp = options.clock.now() + WAIT_MS; ; await options.clock.sleep(POLL_MS)) {
    if ((await pending(session, options, migrations)).length === 0) return
    if (await lease.acquire()) return makeTables({ ...work, migrations }, lease)
    if (options.clock.now() < giveUp) continue
    throw new StockpipeError('unreachable', 'another process is making the tables in Cassandra', {
      why: `it has not finished after ${WAIT_MS / 1000} s`,
      hint: 'if that process died, its lock ends within a minute',
      retryable: true,
    })
  }
}

async function makeTables(work: Work, lease: Lease): Promise<void> {
  const { session, changes, options, migrations } = work
  try {
    for (const { version, text, isAboutRoles } of await pending(session, options, migrations)) {
      const apply = async () => {
        for (const statement of statementsOf(text)) {
          await lease.renew()
          await (isAboutRoles ? changes.apply(fill(statement, work)) : changes.make(fill(statement, work)))
        }
      }
      if (isAboutRoles) await tryRoles(apply, options)
      else await apply()
      await session.execute(
        `INSERT INTO ${session.keyspace}.schema_migrations (version, applied_ts, checksum) VALUES (?, ?, ?)`,
        [version, options.clock.now(), checksumOf(text)],
      )
      options.log.info('cassandra.migrated', { keyspace: options.keyspace, tables: version })
    }
  } finally {
    // It would expire by itself; whoever waits should not have to.
    await lease.release().catch(() => {})
  }
}

async function tryRoles(apply: () => Promise<void>, { credentials, keyspace, log }: CassandraOptions): Promise<void> {
  if (credentials === null) return
  try {
    await apply()
  } catch (error) {
    if (!isRefused(error)) throw error
    log.info('cassandra.roles_left_out', { keyspace, user: credentials.username, why: error })
  }
}

/** What is still to be applied. Throws where the keyspace holds something else than we know. */
async function pending(
  session: Session,
  options: CassandraOptions,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const applied = await ledger(session, options.keyspace)
  const newest = Math.max(0, ...applied.keys())
  if (newest > (migrations.at(-1)?.version ?? 0))
    throw new StockpipeError('schema-newer', `keyspace "${options.keyspace}" was made by a newer stockpipe`, {
      why: `its schema is version ${newest}, this program knows up to ${migrations.at(-1)?.version ?? 0}`,
      hint: 'run that newer version, or name another keyspace with --cassandra-keyspace',
      mendable: true,
    })
  const changed = migrations.find(
    ({ version, text }) => (applied.get(version) ?? checksumOf(text)) !== checksumOf(text),
  )
  if (changed !== undefined)
    throw new StockpipeError('schema', `keyspace "${options.keyspace}" was made by another build of stockpipe`, {
      why: `the checksum of schema version ${changed.version} is not that of this program`,
      hint: 'run the build that made it, or name another keyspace with --cassandra-keyspace',
      mendable: true,
    })
  return migrations.filter(({ version }) => !applied.has(version))
}

async function ledger(session: Session, keyspace: string): Promise<Map<number, string>> {
  const tables = await session.execute(
    `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_migrations'`,
    [keyspace],
  )
  if (tables.rowLength === 0) return new Map()
  try {
    const { rows } = await session.execute(`SELECT version, checksum FROM ${session.keyspace}.schema_migrations`)
    return new Map(rows.map((row) => [Number(row['version']), String(row['checksum'])]))
  } catch (error) {
    // It is listed a moment before it can be read, while another process makes it.
    if (isMissing(error)) return new Map()
    throw error
  }
}

const checksumOf = (text: string): string => createHash('sha256').update(text).digest('hex')

const statementsOf = (text: string): string[] =>
  text
    .replaceAll(/^\s*--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

function fill(statement: string, { session, options }: Pick<Work, 'session' | 'options'>): string {
  const values: Readonly<Record<string, string>> = {
    keyspace: session.keyspace,
    reader: `"${options.keyspace}_reader"`,
    writer: `"${options.keyspace}_writer"`,
    ...tableOptions(options.retention),
  }
  return statement.replaceAll(/\$(\w+)/g, (_whole, name: string) => values[name] ?? '')
}
