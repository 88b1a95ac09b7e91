/** What the options say about Kafka and Cassandra, as their clients take it. */
import { readFileSync } from 'node:fs'

import type { Settings } from './config.ts'
import { StockpipeError } from './errors.ts'
import type { KafkaOptions } from './stream/broker/kafka.ts'
import type { CassandraOptions } from './stream/store/cassandra.ts'
import type { Context } from './telemetry.ts'

/** Throws `config` for files that cannot be read, and for half a login. */
export function kafkaOptions(
  settings: Settings,
  { clock, log, health }: Pick<Context, 'clock' | 'log' | 'health'>,
): KafkaOptions {
  return {
    brokers: settings.kafkaBrokers ?? [],
    tls: settings.kafkaTls ? pemFiles(settings, 'kafkaTls') : null,
    sasl: saslOf(settings),
    replication: settings.kafkaReplication,
    clock,
    log,
    health,
  }
}

export function cassandraOptions(
  settings: Settings,
  { clock, log }: Pick<Context, 'clock' | 'log'>,
  { migrate }: { migrate: boolean },
): CassandraOptions {
  const { cassandraUsername: username, cassandraPassword: password } = settings
  return {
    contactPoints: settings.cassandraContactPoints ?? [],
    port: settings.cassandraPort,
    datacenter: settings.cassandraDatacenter,
    keyspace: settings.cassandraKeyspace,
    replication: settings.cassandraReplication,
    credentials: both('cassandra', username, password),
    consistency: settings.cassandraConsistency,
    tls: settings.cassandraTls ? pemFiles(settings, 'cassandraTls') : null,
    durabilityLag: settings.storeDurabilityLag,
    retention: { tradesMs: settings.retentionTrades, candlesMs: settings.retentionCandles },
    migrate,
    clock,
    log,
  }
}

function saslOf(settings: Settings): KafkaOptions['sasl'] {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername, kafkaSaslPassword } = settings
  const login = both('kafka-sasl', kafkaSaslUsername, kafkaSaslPassword)
  return login === null ? null : { mechanism: mechanism ?? 'plain', ...login }
}

function both(options: string, username: string | null, password: string | null) {
  if (username === null && password === null) return null
  if (username !== null && password !== null) return { username, password }
  throw new StockpipeError('config', `--${options}-username and --${options}-password-file go together`, {
    why: `only the ${username === null ? 'password' : 'user name'} is set`,
  })
}

function pemFiles(settings: Settings, prefix: 'kafkaTls' | 'cassandraTls') {
  const files = {
    ca: settings[`${prefix}CaFile`],
    cert: settings[`${prefix}CertFile`],
    key: settings[`${prefix}KeyFile`],
  }
  const texts = Object.entries(files).flatMap(([name, path]) => (path === null ? [] : [[name, pem(path)] as const]))
  return Object.fromEntries(texts) as { ca?: string; cert?: string; key?: string }
}

function pem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new StockpipeError('config', `cannot read ${path}`, { cause })
  }
}
