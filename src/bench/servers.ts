import { Client, policies, types } from 'cassandra-driver'
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'

import { type Clock, systemClock } from '../clock.ts'
import type { Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import { cassandraOptions, kafkaOptions } from '../servers.ts'
import { KafkaBroker, type KafkaOptions } from '../stream/broker/kafka.ts'
import { toStockpipeError } from '../stream/broker/kafka/failure.ts'
import type { Broker } from '../stream/broker.ts'
import { openCassandraStore } from '../stream/store/cassandra.ts'
import type { Store } from '../stream/store.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

type Sasl = NonNullable<KafkaOptions['sasl']>

/** Plain clients, as the relay, the load and the probes use them. */

const CONNECT_MS = 5_000

const NEWEST_PROTOCOL = 4

export function openKafka(settings: Settings): Kafka {
  const { tls, sasl } = kafkaOptions(settings, contextOf(systemClock))
  return new Kafka({
    clientId: 'stockpipe-bench',
    brokers: [...(settings.kafkaBrokers ?? [])],
    connectionTimeout: CONNECT_MS,
    logLevel: logLevel.NOTHING,
    ssl: tls ?? false,
    ...(sasl === null ? {} : { sasl: loginOf(sasl) }),
  })
}

/** Connects; an error is told as those of the pipeline are. */
export async function connected(...clients: readonly { connect(): Promise<void> }[]): Promise<void> {
  try {
    await Promise.all(clients.map((client) => client.connect()))
  } catch (error) {
    throw toStockpipeError(error, 'connect')
  }
}

/** One of kafkajs's shapes, each of which has one mechanism. */
const loginOf = ({ mechanism, username, password }: Sasl): SASLOptions =>
  mechanism === 'plain'
    ? { mechanism, username, password }
    : mechanism === 'scram-sha-256'
      ? { mechanism, username, password }
      : { mechanism, username, password }

/** The pipeline's own log on Kafka. */
export const openKafkaBroker = (settings: Settings, clock: Clock): Broker =>
  new KafkaBroker(kafkaOptions(settings, contextOf(clock)))

/** The pipeline's own store on Cassandra. */
export const openCassandraRows = (settings: Settings, clock: Clock): Promise<Store> =>
  openCassandraStore(cassandraOptions(settings, contextOf(clock), { migrate: true }))

const contextOf = (clock: Clock) => ({ clock, log: silentLog, metrics: createMetrics(), health: new Health() })

/** Connects. Statements are prepared and idempotent, with the consistency of the settings. */
export async function openCassandra(settings: Settings): Promise<Client> {
  const { credentials, tls, datacenter } = cassandraOptions(settings, contextOf(systemClock), { migrate: false })
  const client = new Client({
    contactPoints: [...(settings.cassandraContactPoints ?? [])],
    protocolOptions: { port: settings.cassandraPort, maxVersion: NEWEST_PROTOCOL },
    queryOptions: { prepare: true, isIdempotent: true, consistency: consistencyOf(settings) },
    ...(datacenter === null
      ? { policies: { loadBalancing: new policies.loadBalancing.RoundRobinPolicy() } }
      : { localDataCenter: datacenter }),
    ...(credentials === null ? {} : { credentials }),
    ...(tls === null ? {} : { sslOptions: tls }),
  })
  try {
    await client.connect()
  } catch (cause) {
    await client.shutdown()
    throw new StockpipeError('unreachable', 'cannot connect to Cassandra', {
      why: reasonOf(cause),
      hint: 'stockpipe doctor',
      cause,
    })
  }
  return client
}

const reasonOf = (cause: unknown): string | undefined => {
  const inner = cause instanceof Error && 'innerErrors' in cause ? Object.values(cause.innerErrors as object)[0] : cause
  return inner instanceof Error ? inner.message : undefined
}

/** How many nodes a write waits for, where nobody said: as the pipeline decides it. */
const consistencyOf = ({ cassandraConsistency, cassandraReplication }: Settings): number =>
  types.consistencies[NAMES[cassandraConsistency ?? (cassandraReplication === 1 ? 'LOCAL_ONE' : 'LOCAL_QUORUM')]]

const NAMES = {
  LOCAL_QUORUM: 'localQuorum',
  LOCAL_ONE: 'localOne',
  QUORUM: 'quorum',
  ONE: 'one',
  ALL: 'all',
} as const satisfies Record<NonNullable<Settings['cassandraConsistency']>, keyof typeof types.consistencies>

/** What the servers themselves say where the settings are silent; every process of one run then does the same. */
export async function settleServers(settings: Settings): Promise<Settings> {
  const [kafkaReplication, cassandra] = await Promise.all([kafkaCopies(settings), cassandraPlace(settings)])
  return { ...settings, kafkaReplication, ...cassandra }
}

async function kafkaCopies(settings: Settings): Promise<number | null> {
  if (settings.kafkaReplication !== null || settings.broker !== 'kafka') return settings.kafkaReplication
  const admin = openKafka(settings).admin()
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    return Math.min(3, brokers.length)
  } catch (error) {
    throw toStockpipeError(error, 'look at the brokers')
  } finally {
    await admin.disconnect()
  }
}

async function cassandraPlace(settings: Settings) {
  const client = await openCassandra(settings)
  try {
    const local = await client.execute('SELECT data_center FROM system.local')
    const nodes = client.getState().getConnectedHosts().length
    const replication = settings.cassandraReplication ?? Math.min(3, Math.max(1, nodes))
    return {
      cassandraDatacenter: settings.cassandraDatacenter ?? String(local.first()['data_center']),
      cassandraReplication: replication,
      cassandraConsistency: settings.cassandraConsistency ?? (replication === 1 ? 'LOCAL_ONE' : 'LOCAL_QUORUM'),
    }
  } finally {
    await client.shutdown()
  }
}
