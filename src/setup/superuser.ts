import { randomBytes } from 'node:crypto'

import { CassandraAdmin, canLogIn, isRefusal, nameInCql, passingRefusals, textInCql } from './cassandra-admin.ts'
import type { Login } from './login.ts'
import { patiently, type Patience } from './patience.ts'
import { StockpipeError } from '../errors.ts'
import { datacenterOf, nodesOf } from '../stream/store/cassandra/client.ts'
import { copiesIn, replicationOf } from '../stream/store/cassandra/keyspace.ts'
import type { CassandraOptions } from '../stream/store/cassandra/options.ts'

/** What a new Cassandra knows, as everybody else does. */
const SHIPPED: Login = { username: 'cassandra', password: 'cassandra' }
/** The role above is made up to 10 s after the port opens, on a busy machine later: only then a refusal says something. */
const SETTLING_MS = 45_000
const MOST_COPIES = 3

export interface SuperuserOptions {
  cassandra: CassandraOptions
  superuser: Login
  /** So many nodes are waited for. */
  nodes: number
  /** How long (ms) a refusal may be due to a server that has just started. */
  settling?: number
}

export interface Opened {
  admin: CassandraAdmin
  /** How many things were changed on the way. */
  changes: number
}

/**
 * Our superuser, logged in, and the shipped login closed. Throws `auth` where
 * neither is let in.
 */
export async function openAsSuperuser(options: SuperuserOptions, patience: Patience): Promise<Opened> {
  const { superuser, cassandra } = options
  if (superuser.username === SHIPPED.username)
    throw new StockpipeError('config', `the superuser must not be "${SHIPPED.username}"`, {
      why: 'that name is the first one anybody tries',
      hint: 'name another one',
    })
  const { admin, isShipped } = await firstLogin(options, patience)
  if (!isShipped) return settled({ admin, changes: 0 }, options, patience)
  await using shipped = admin
  await spreadLogins(shipped, options, patience)
  await makeSuperuser(shipped, superuser, patience)
  const open = () => CassandraAdmin.open(cassandra, superuser)
  const own = await patiently(open, patience, passingRefusals(patience.clock))
  return settled({ admin: own, changes: 1 }, options, patience)
}

async function settled({ admin, changes }: Opened, options: SuperuserOptions, patience: Patience): Promise<Opened> {
  await using opening = new AsyncDisposableStack()
  opening.use(admin)
  const isSpread = await spreadLogins(admin, options, patience)
  const isClosed = await closeShipped(admin, patience)
  opening.move()
  return { admin, changes: changes + Number(isSpread) + Number(isClosed) }
}

interface FirstLogin {
  admin: CassandraAdmin
  isShipped: boolean
}

async function firstLogin({ cassandra, superuser, settling = SETTLING_MS }: SuperuserOptions, patience: Patience) {
  const mayPass = passingRefusals(patience.clock, settling)
  try {
    return await patiently(() => ourOrShipped(cassandra, superuser), patience, mayPass)
  } catch (error) {
    throw isRefusal(error) ? lockedOut(cassandra, superuser) : error
  }
}

async function ourOrShipped(cassandra: CassandraOptions, superuser: Login): Promise<FirstLogin> {
  if (await canLogIn(cassandra, null)) throw letsEverybodyIn(cassandra)
  try {
    return { admin: await CassandraAdmin.open(cassandra, superuser), isShipped: false }
  } catch (error) {
    if (!isRefusal(error)) throw error
    return { admin: await CassandraAdmin.open(cassandra, SHIPPED), isShipped: true }
  }
}

/** Before roles are made: they are then on all of their nodes from the first. */
async function spreadLogins(admin: CassandraAdmin, { nodes }: SuperuserOptions, patience: Patience): Promise<boolean> {
  const { client, options } = admin
  const datacenter = datacenterOf(client, options)
  const members = await patiently(async () => enoughNodes(admin, nodes), patience)
  const wanted = Math.min(MOST_COPIES, members)
  const found = (await replicationOf(client, 'system_auth')) ?? {}
  if (found['class']?.endsWith('NetworkTopologyStrategy') && copiesIn(datacenter, found) >= wanted) return false
  const strategy = `{'class': 'NetworkTopologyStrategy', ${textInCql(datacenter)}: ${wanted}}`
  await patiently(() => admin.changeSchema(`ALTER KEYSPACE system_auth WITH replication = ${strategy}`), patience)
  patience.say(`keyspace system_auth has ${wanted} ${wanted === 1 ? 'copy' : 'copies'} in ${datacenter}`)
  if (wanted > 1) patience.say('run `nodetool repair system_auth` on every node: logins made before have one copy only')
  return true
}

function enoughNodes({ client, options }: CassandraAdmin, wanted: number): number {
  const members = nodesOf(client, datacenterOf(client, options))
  const up = members.filter((node) => node.isUp()).length
  if (up >= wanted) return members.length
  throw new StockpipeError('unreachable', `${up} of ${wanted} nodes of Cassandra are up`, {
    hint: 'wait until all are, or correct --nodes',
    retryable: true,
  })
}

/** An earlier try may have got half way. Its password is set once: Cassandra refuses to change one twice in 5 s. */
async function makeSuperuser(admin: CassandraAdmin, { username, password }: Login, patience: Patience): Promise<void> {
  const isNew = (await patiently(() => admin.role(username), patience)) === null
  const rights = `PASSWORD = ${textInCql(password)} AND LOGIN = true AND SUPERUSER = true`
  const statement = `${isNew ? 'CREATE' : 'ALTER'} ROLE ${nameInCql(username)} WITH ${rights}`
  await patiently(() => admin.changeRoles(statement, password), patience)
  patience.say(`role ${username} made: the superuser`)
}

/** Dropped it would come back with its old password: it is kept, and nobody can use it. */
async function closeShipped(admin: CassandraAdmin, patience: Patience): Promise<boolean> {
  const role = await patiently(() => admin.role(SHIPPED.username), patience)
  if (role === null || (!role.canLogin && !role.isSuperuser)) return false
  const password = randomBytes(32).toString('base64url')
  const statement = `ALTER ROLE ${SHIPPED.username} WITH SUPERUSER = false AND LOGIN = false AND PASSWORD = ${textInCql(password)}`
  await patiently(() => admin.changeRoles(statement, password), patience)
  patience.say(`role ${SHIPPED.username} closed: no login, no rights, another password`)
  return true
}

const letsEverybodyIn = ({ contactPoints }: CassandraOptions): StockpipeError =>
  new StockpipeError('config', `Cassandra at ${contactPoints.join(', ')} checks no passwords`, {
    why: 'it lets in who names no user',
    hint: 'set authenticator: PasswordAuthenticator and authorizer: CassandraAuthorizer, or leave the logins out',
  })

const lockedOut = ({ contactPoints }: CassandraOptions, { username }: Login): StockpipeError =>
  new StockpipeError(
    'auth',
    `Cassandra at ${contactPoints.join(', ')} lets neither "${username}" nor the shipped login in`,
    {
      why: 'its data was set up with another password: volumes were kept and the Secret was made anew, or the password in it was changed',
      hint:
        'put the former password of the superuser back into its Secret (or, as that superuser, ALTER ROLE to the new one), and run this again; ' +
        'without it only new volumes help, and those are empty',
    },
  )
