import { type CassandraAdmin, passingRefusals } from './cassandra-admin.ts'
import type { Login } from './login.ts'
import { type Logins, setUpLogins } from './logins.ts'
import { patiently, type Patience } from './patience.ts'
import { openAsSuperuser } from './superuser.ts'
import { StockpipeError } from '../errors.ts'
import { openCassandraStore } from '../stream/store/cassandra.ts'
import type { CassandraOptions } from '../stream/store/cassandra/options.ts'
import type { EventAt } from '../log-events.ts'
import { type Fields, silentLog } from '../telemetry.ts'

export interface SchemaOptions {
  /** With the login that is used where there is no superuser of ours. */
  cassandra: CassandraOptions
  /** Made where it is missing. Null: the server's logins are not our affair. */
  superuser: Login | null
  logins: Logins
  nodes: number
  settling?: number
}

/** Logins, keyspace, tables and rights, waiting for Cassandra. Resolves to whether anything was changed. */
export async function setUpSchema(options: SchemaOptions, patience: Patience): Promise<boolean> {
  const { superuser, cassandra, logins } = options
  checkNames(options)
  if (superuser === null) return makeTables(cassandra, patience)
  const { admin, changes } = await openAsSuperuser({ ...options, superuser }, patience)
  await using work: CassandraAdmin = admin
  const isMade = await makeTables({ ...cassandra, credentials: superuser }, patience)
  return (await setUpLogins(work, logins, patience)) > 0 || changes > 0 || isMade
}

/** Resolves to whether any was missing. The lock, and who may not go on, are the store's own affair. */
async function makeTables(options: CassandraOptions, patience: Patience): Promise<boolean> {
  let made = 0
  const tell = (event: EventAt<'info'>, fields: Fields = {}) => {
    if (event !== 'cassandra.migrated') return
    made++
    patience.say(`keyspace ${options.keyspace}: schema version ${String(fields['tables'])} made`)
  }
  await using store = await openCassandraStore({ ...options, migrate: true, log: { ...silentLog, info: tell } })
  await patiently(() => store.id(), patience, passingRefusals(patience.clock))
  return made > 0
}

function checkNames({ superuser, logins }: SchemaOptions): void {
  const names = [superuser, ...Object.values(logins)].flatMap((login) => (login === null ? [] : [login.username]))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new StockpipeError('config', `two logins are "${twice}"`, {
    why: 'each has rights and a password of its own',
    hint: 'give each a name of its own',
  })
}
