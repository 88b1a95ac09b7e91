import type { Client } from 'cassandra-driver'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { cassandraOptions } from '../../servers.ts'
import { createClient, datacenterOf, nodesOf } from '../../stream/store/cassandra/client.ts'
import { SchemaChanges } from '../../stream/store/cassandra/ddl.ts'
import { toStockpipeError } from '../../stream/store/cassandra/errors.ts'
import { readInfo } from '../../stream/store/cassandra/info.ts'
import { copiesIn, openKeyspace, replicationOf } from '../../stream/store/cassandra/keyspace.ts'
import { migrate } from '../../stream/store/cassandra/migrate.ts'
import type { CassandraOptions } from '../../stream/store/cassandra/options.ts'
import { Session } from '../../stream/store/cassandra/session.ts'
import { silentLog } from '../../telemetry.ts'
import { failed, type Finding, ok, warn } from '../../finding.ts'
import { within } from './patience.ts'

const PATIENCE_MS = 5_000
const SKEWED_MS = 1_000

interface Visit {
  client: Client
  options: CassandraOptions
  /** Whether a process with these settings makes tables and writes rows. */
  writes: boolean
}

const CHECKS = { cassandra: login, clock, keyspace, commitlog: durability } satisfies Record<
  string,
  (visit: Visit) => Promise<Finding>
>

/** Login, nodes, clock, keyspace, tables, rights, durability. Changes nothing, prints no password. */
export async function checkCassandra(settings: Settings): Promise<Finding[]> {
  try {
    const options = cassandraOptions(settings, { clock: systemClock, log: silentLog }, { migrate: false })
    return await visit({ client: createClient(options), options, writes: settings.role.includes('processor') })
  } catch (error) {
    return [failed('cassandra', error)]
  }
}

/** Where the login fails the rest cannot be asked; otherwise each check speaks for itself. */
async function visit(all: Visit): Promise<Finding[]> {
  const found: Finding[] = []
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      const work = check(all).catch((error: unknown) => failed(name, toStockpipeError(error, all.options)))
      const late = (error: unknown) => failed(name, toStockpipeError(error, all.options))
      const finding = await within(PATIENCE_MS, work).catch(late)
      found.push(finding)
      if (name === 'cassandra' && finding.state === 'fail') break
    }
    return found
  } finally {
    await within(PATIENCE_MS, all.client.shutdown()).catch(() => {})
  }
}

async function login({ client, options }: Visit): Promise<Finding> {
  await client.connect()
  const datacenter = datacenterOf(client, options)
  const nodes = nodesOf(client, datacenter)
  const up = nodes.filter((node) => node.isUp()).length
  const who = options.credentials === null ? 'connected' : `logged in as ${options.credentials.username}`
  const words = `${who}, datacenter ${datacenter}, ${up} of ${nodes.length} nodes up`
  return up === nodes.length ? ok('cassandra', words) : warn('cassandra', words, 'start the others (nodetool status)')
}

/** Rows are stamped by us, but their age is counted by the nodes. */
async function clock({ client }: Visit): Promise<Finding> {
  const before = systemClock.now()
  const { rows } = await client.execute('SELECT toUnixTimestamp(now()) AS now FROM system.local')
  const offset = Number(rows[0]?.['now']) - (before + systemClock.now()) / 2
  const seconds = `${Math.abs(offset / 1_000).toFixed(1)} s`
  if (Math.abs(offset) < SKEWED_MS) return ok('clock', 'agrees with that of Cassandra')
  const fix = 'turn on time synchronisation on both machines (timedatectl set-ntp true)'
  return warn('clock', `that of Cassandra is ${seconds} ${offset > 0 ? 'ahead' : 'behind'}`, fix)
}

async function keyspace({ client, options, writes }: Visit): Promise<Finding> {
  const name = options.keyspace
  if (writes && (await replicationOf(client, name)) === null)
    return warn('keyspace', `${name} is not there yet`, 'nothing: the first start makes it, if the role may CREATE')
  const changes = new SchemaChanges(client, options)
  const opened = await openKeyspace(client, changes, options)
  const session = new Session(client, name, opened)
  await migrate({ session, changes, options })
  await readInfo(session, 'id')
  // Asks for the right to write, and writes nothing: there is no such row.
  if (writes)
    await session.compareAndSet(`UPDATE ${session.keyspace}.store_info SET value = ? WHERE key = ? IF value = ?`, [
      'doctor',
      'doctor',
      'doctor',
    ])
  const rights = writes ? 'can be read and written' : 'can be read'
  return ok(
    'keyspace',
    `${name} ${rights} at ${opened.consistency}, ${await copies({ client, options })} in the datacenter`,
  )
}

async function copies(visit: Pick<Visit, 'client' | 'options'>): Promise<string> {
  const count = await copyCount(visit)
  return `${count} ${count === 1 ? 'copy' : 'copies'}`
}

/** NaN where the keyspace does not say. */
async function copyCount({ client, options }: Pick<Visit, 'client' | 'options'>): Promise<number> {
  const replication = await replicationOf(client, options.keyspace)
  // As a new keyspace would get.
  if (replication === null)
    return options.replication ?? Math.min(3, nodesOf(client, datacenterOf(client, options)).length)
  return copiesIn(datacenterOf(client, options), replication)
}

async function durability(visit: Visit): Promise<Finding> {
  const settings = `SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'`
  const found = await visit.client.execute(settings).catch(() => null)
  const sync: unknown = found?.rows[0]?.['value']
  if (typeof sync !== 'string')
    return ok('commitlog', 'not checked: this role or this version does not see the setting')
  const count = await copyCount(visit)
  if (sync !== 'periodic' || count > 1) return ok('commitlog', `commitlog_sync is ${sync}, ${await copies(visit)}`)
  return warn(
    'commitlog',
    'commitlog_sync is periodic and there is one copy: a node that crashes loses rows of its last seconds',
    'set commitlog_sync: group in cassandra.yaml, or keep 3 copies on 3 nodes',
  )
}
