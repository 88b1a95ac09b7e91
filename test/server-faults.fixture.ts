/** Servers with logins, and processes of ours that work on them. */
import { Client, policies } from 'cassandra-driver'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  ConfigResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs'

import { readiness, running, type Running, until } from './running.ts'
import { CASSANDRA_DATACENTER, CASSANDRA_USER, type CassandraServers, startCassandra } from './services/cassandra.ts'
import { KAFKA_USERS, type KafkaServers, startKafka } from './services/kafka.ts'
import { systemClock } from '../src/clock.ts'
import type { CassandraOptions } from '../src/stream/store/cassandra.ts'
import { silentLog } from '../src/telemetry.ts'

export interface FaultyServers extends AsyncDisposable {
  kafka: KafkaServers
  cassandra: CassandraServers
  admin: Admin
  cql: Client
}

/** One Kafka and one Cassandra of the test's own: it stops and kills them. */
export async function startFaultyServers(): Promise<FaultyServers> {
  const [kafka, cassandra] = await Promise.all([
    startKafka({ auth: 'plain' }),
    startCassandra({ auth: true, commitlogSync: 'group' }),
  ])
  const sasl = { mechanism: 'plain' as const, ...KAFKA_USERS.admin }
  const admin = new Kafka({ brokers: [...kafka.brokers], sasl, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const cql = new Client({
    contactPoints: [...cassandra.contactPoints],
    protocolOptions: { port: cassandra.port },
    localDataCenter: CASSANDRA_DATACENTER,
    credentials: CASSANDRA_USER,
    // After a long outage the driver's own would wait for minutes.
    policies: { reconnection: new policies.reconnection.ConstantReconnectionPolicy(1_000) },
  })
  await cql.connect()
  return {
    kafka,
    cassandra,
    admin,
    cql,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([admin.disconnect(), cql.shutdown()])
      await Promise.all([kafka.stop(), cassandra.stop()])
    },
  }
}

export interface Login {
  username: string
  password: string
}

/** The options that lead to Kafka, without the password. */
export const kafkaArgs = ({ kafka }: FaultyServers, topic: string, { username }: Login = KAFKA_USERS.admin): string[] =>
  ['--kafka-brokers', kafka.brokers.join(), '--kafka-topic', topic, '--kafka-group', topic].concat([
    '--kafka-sasl-username',
    username,
    '--kafka-sasl-mechanism',
    'plain',
    '--partitions',
    '2',
  ])

export const cassandraArgs = (
  { cassandra }: FaultyServers,
  keyspace: string,
  { username }: Login = CASSANDRA_USER,
): string[] =>
  ['--cassandra-contact-points', cassandra.contactPoints.join(), '--cassandra-port', String(cassandra.port)].concat([
    '--cassandra-keyspace',
    keyspace,
    '--cassandra-username',
    username,
  ])

/** To look into, or make, a keyspace as an administrator. */
export const storeOptions = ({ cassandra }: FaultyServers, keyspace: string): CassandraOptions => ({
  contactPoints: cassandra.contactPoints,
  port: cassandra.port,
  datacenter: null,
  keyspace,
  replication: null,
  credentials: CASSANDRA_USER,
  consistency: null,
  tls: null,
  retention: { tradesMs: null, candlesMs: null },
  durabilityLag: null,
  migrate: true,
  clock: systemClock,
  log: silentLog,
})

/** Passwords go by the environment. */
export const passwords = ({
  kafka = KAFKA_USERS.admin,
  cassandra = CASSANDRA_USER,
}: { kafka?: Login; cassandra?: Login } = {}) => ({
  STOCKPIPE_KAFKA_SASL_PASSWORD: kafka.password,
  STOCKPIPE_CASSANDRA_PASSWORD: cassandra.password,
})

/** Lets the guest do something with what begins with `name`. */
export const allow = (
  { admin }: FaultyServers,
  { type, name, operation }: { type: 'TOPIC' | 'GROUP'; name: string; operation: 'ALL' | 'READ' },
) =>
  admin.createAcls({
    acl: [
      {
        resourceType: AclResourceTypes[type],
        resourceName: name,
        resourcePatternType: ResourcePatternTypes.PREFIXED,
        principal: `User:${KAFKA_USERS.guest.username}`,
        host: '*',
        operation: AclOperationTypes[operation],
        permissionType: AclPermissionTypes.ALLOW,
      },
    ],
  })

export const setTopic = ({ admin }: FaultyServers, topic: string, name: string, value: string) =>
  admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
  })

/** A simulated market in a process of its own. */
export async function market(...switches: string[]): Promise<{ simulator: Running; url: string }> {
  const simulator = running(['simulate', '--listen', '127.0.0.1:0', '--symbols', 'BINANCE:BTCUSDT,AAPL', ...switches])
  const url = await until(
    () => /ws:\S+/.exec(simulator.printed())?.[0],
    (found) => found !== undefined || simulator.child.exitCode !== null,
  )
  return { simulator, url: String(url) }
}

/** What /readyz says of a process once it says it as wanted. Throws what it says instead after a while. */
export async function readyOnce(
  url: string,
  isDone: (answer: { status: number; text: string }) => boolean,
): Promise<{ status: number; text: string }> {
  const end = Date.now() + READY_MS
  return until(
    () => readiness(url),
    (answer) => {
      if (isDone(answer)) return true
      if (Date.now() > end) throw new Error(`not as wanted after ${READY_MS / 1_000} s: ${answer.text}`)
      return false
    },
  )
}
const READY_MS = 60_000

/** The lines with which a process tells that it waits for something. */
export const complaints = (run: Running) => run.lines().filter(({ event }) => event.endsWith('.retrying'))

export const BASE = ['run', '--listen', '127.0.0.1:0', '--symbols', 'BINANCE:BTCUSDT,AAPL'] as const
