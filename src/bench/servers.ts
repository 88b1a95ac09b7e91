import { readFileSync } from 'node:fs'

import { Client, policies, types } from 'cassandra-driver'
import { Kafka, logLevel } from 'kafkajs'

import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import { KafkaBroker } from '../stream/broker/kafka.ts'
import type { Broker } from '../stream/broker.ts'
import { openCassandraStore } from '../stream/store/cassandra.ts'
import type { Store } from '../stream/store.ts'
import { Health, silentLog } from '../telemetry.ts'

/** Plain clients, as the relay, the load and the probes use them. */

const CONNECT_MS = 5_000

const NEWEST_PROTOCOL = 4

export function openKafka(settings: Settings): Kafka {
  const { kafkaBrokers, kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = settings
  const login = { username: kafkaSaslUsername ?? '', password: kafkaSaslPassword ?? '' }
  return new Kafka({
    clientId: 'stockpipe-bench',
    brokers: [...(kafkaBrokers ?? [])],
    connectionTimeout: CONNECT_MS,
    logLevel: logLevel.NOTHING,
    ssl: settings.kafkaTls
      ? pemTexts(settings.kafkaTlsCaFile, settings.kafkaTlsCertFile, settings.kafkaTlsKeyFile)
      : false,
    ...(kafkaSaslMechanism === 'plain' ? { sasl: { mechanism: 'plain' as const, ...login } } : {}),
    ...(kafkaSaslMechanism === 'scram-sha-256' ? { sasl: { mechanism: 'scram-sha-256' as const, ...login } } : {}),
    ...(kafkaSaslMechanism === 'scram-sha-512' ? { sasl: { mechanism: 'scram-sha-512' as const, ...login } } : {}),
  })
}

/** The pipeline's own log on Kafka. */
export const openKafkaBroker = (settings: Settings, clock: Clock): Broker =>
  new KafkaBroker({
    brokers: settings.kafkaBrokers ?? [],
    tls: settings.kafkaTls
      ? pemTexts(settings.kafkaTlsCaFile, settings.kafkaTlsCertFile, settings.kafkaTlsKeyFile)
      : null,
    sasl:
      settings.kafkaSaslMechanism === null
        ? null
        : {
            mechanism: settings.kafkaSaslMechanism,
            username: settings.kafkaSaslUsername ?? '',
            password: settings.kafkaSaslPassword ?? '',
          },
    replication: settings.kafkaReplication,
    clock,
    log: silentLog,
    health: new Health(),
  })

/** The pipeline's own store on Cassandra. */
export const openCassandraRows = (settings: Settings, clock: Clock): Promise<Store> =>
  openCassandraStore({
    contactPoints: settings.cassandraContactPoints ?? [],
    port: settings.cassandraPort,
    datacenter: settings.cassandraDatacenter,
    keyspace: settings.cassandraKeyspace,
    replication: settings.cassandraReplication,
    consistency: settings.cassandraConsistency,
    credentials:
      settings.cassandraUsername === null
        ? null
        : { username: settings.cassandraUsername, password: settings.cassandraPassword ?? '' },
    tls: settings.cassandraTls
      ? pemTexts(settings.cassandraTlsCaFile, settings.cassandraTlsCertFile, settings.cassandraTlsKeyFile)
      : null,
    retention: { tradesMs: settings.retentionTrades, candlesMs: settings.retentionCandles },
    migrate: true,
    clock,
    log: silentLog,
  })

/** Connects. Statements are prepared and idempotent, with the consistency of the settings. */
export async function openCassandra(settings: Settings): Promise<Client> {
  const datacenter = settings.cassandraDatacenter
  const client = new Client({
    contactPoints: [...(settings.cassandraContactPoints ?? [])],
    protocolOptions: { port: settings.cassandraPort, maxVersion: NEWEST_PROTOCOL },
    queryOptions: { prepare: true, isIdempotent: true, consistency: consistencyOf(settings) },
    ...(datacenter === null
      ? { policies: { loadBalancing: new policies.loadBalancing.RoundRobinPolicy() } }
      : { localDataCenter: datacenter }),
    ...(settings.cassandraUsername === null
      ? {}
      : { credentials: { username: settings.cassandraUsername, password: settings.cassandraPassword ?? '' } }),
    ...(settings.cassandraTls
      ? {
          sslOptions: pemTexts(
            settings.cassandraTlsCaFile,
            settings.cassandraTlsCertFile,
            settings.cassandraTlsKeyFile,
          ),
        }
      : {}),
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
  const admin = openKafka(settings).admin()
  const client = await openCassandra(settings)
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    const local = await client.execute('SELECT data_center FROM system.local')
    const datacenter = settings.cassandraDatacenter ?? String(local.first()['data_center'])
    const nodes = client.getState().getConnectedHosts().length
    const replication = settings.cassandraReplication ?? Math.min(3, Math.max(1, nodes))
    return {
      ...settings,
      kafkaReplication: settings.kafkaReplication ?? Math.min(3, brokers.length),
      cassandraDatacenter: datacenter,
      cassandraReplication: replication,
      cassandraConsistency: settings.cassandraConsistency ?? (replication === 1 ? 'LOCAL_ONE' : 'LOCAL_QUORUM'),
    }
  } finally {
    await Promise.allSettled([admin.disconnect(), client.shutdown()])
  }
}

const pemTexts = (ca: string | null, cert: string | null, key: string | null) => ({
  ...(ca === null ? {} : { ca: readFileSync(ca, 'utf8') }),
  ...(cert === null ? {} : { cert: readFileSync(cert, 'utf8') }),
  ...(key === null ? {} : { key: readFileSync(key, 'utf8') }),
})
