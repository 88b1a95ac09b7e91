/** Real servers for tests: those that `npm test` started for all test files, or else the test file's own. */
import { afterAll } from 'bun:test'

import { CASSANDRA_DATACENTER, startCassandra } from './cassandra.ts'
import { whyUnavailable } from './java.ts'
import { startKafka } from './kafka.ts'
import { CASSANDRA_VARIABLE, KAFKA_VARIABLE, UNAVAILABLE } from './shared.ts'

/** Shared with other test files that run at the same time: use topics and groups with names of your own. */
export interface KafkaAddress {
  readonly brokers: readonly string[]
}

/** Shared as Kafka is: use a keyspace with a name of your own. */
export interface CassandraAddress {
  readonly contactPoints: readonly string[]
  readonly port: number
  readonly datacenter: string
}

/**
 * Apache Kafka, one broker without logins, for the test file that calls it at its top, or null where it cannot be had:
 * then the file skips. Started for this file, and stopped after it, unless it runs within `npm test`.
 */
export async function kafkaForTests(): Promise<KafkaAddress | null> {
  const shared = sharedAddress(KAFKA_VARIABLE)
  if (shared !== null) return { brokers: shared.split(',') }
  if (!isHere('Kafka', KAFKA_VARIABLE)) return null
  const servers = await startKafka()
  afterAll(() => servers.stop())
  return servers
}

/** Apache Cassandra, one node without logins; see {@link kafkaForTests}. */
export async function cassandraForTests(): Promise<CassandraAddress | null> {
  const shared = sharedAddress(CASSANDRA_VARIABLE)
  if (shared !== null) {
    const { hostname, port } = new URL(`cql://${shared}`)
    return { contactPoints: [hostname], port: Number(port), datacenter: CASSANDRA_DATACENTER }
  }
  if (!isHere('Cassandra', CASSANDRA_VARIABLE)) return null
  const servers = await startCassandra()
  afterAll(() => servers.stop())
  return servers
}

/** For tests that start servers of their own: whether they can. Says so loudly when not. */
export const canStartServices = (): boolean => isHere('servers', KAFKA_VARIABLE)

function sharedAddress(variable: string): string | null {
  const value = process.env[variable]
  return value === undefined || value === '' || value === UNAVAILABLE ? null : value
}

function isHere(what: string, variable: string): boolean {
  // `npm test` has said it already.
  if (process.env[variable] === UNAVAILABLE) return false
  const reason = whyUnavailable()
  if (reason === null) return true
  console.warn(`\nSKIPPED: NOT TESTED with real ${what}: ${reason}\n`)
  return false
}
