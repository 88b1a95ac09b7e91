import { Client, types } from 'cassandra-driver'
import { Kafka, logLevel } from 'kafkajs'

import { exportedBy, type Row } from './binary.ts'
import { type CassandraAddress, cassandraForTests, type KafkaAddress, kafkaForTests } from './services/services.ts'

export interface ServerAddresses {
  kafka: KafkaAddress
  cassandra: CassandraAddress
}

/** A topic, a group and a keyspace that nobody else uses, gone at the end of the scope. */
export interface Market extends AsyncDisposable {
  /** Of all three. */
  name: string
  /** The options of the log, and of the store. */
  log: readonly string[]
  store: readonly string[]
  /** What `export` writes, sorted: the order of symbols is the store's own. */
  readonly exported: (table: string) => Promise<Row[]>
  /** `SELECT ... FROM table` and other statements, by a client that has nothing of ours. Numbers for bigint and timestamp. */
  readonly query: (cql: string) => Promise<Row[]>
  /** Records ever appended, by partition. */
  readonly ends: (topic: string) => Promise<number[]>
}

/** Both servers, or null where they cannot be had. To be called at the top of a test file. */
export async function serversForTests(): Promise<ServerAddresses | null> {
  const [kafka, cassandra] = await Promise.all([kafkaForTests(), cassandraForTests()])
  return kafka === null || cassandra === null ? null : { kafka, cassandra }
}

/** Nothing is made or asked before somebody needs it: the servers may be away. */
export function openMarket({ kafka, cassandra }: ServerAddresses): Market {
  const name = `t${crypto.randomUUID().replaceAll('-', '')}`
  const clients = new Clients(name, { kafka, cassandra })
  const { contactPoints, port } = cassandra
  const log = ['--kafka-brokers', kafka.brokers.join(), '--kafka-topic', name, '--kafka-group', name]
  const store = ['--cassandra-contact-points', contactPoints.join(), '--cassandra-port', String(port)]
  store.push('--cassandra-keyspace', name)
  return {
    name,
    log,
    store,
    exported: async (table) => sorted(await exportedBy([table, ...store])),
    query: async (cql) =>
      (await clients.session.execute(cql.replace(' FROM ', ` FROM ${name}.`))).rows?.map(plain) ?? [],
    async ends(topic) {
      const offsets = await (await clients.admin()).fetchTopicOffsets(topic)
      return offsets.toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high))
    },
    [Symbol.asyncDispose]: () => clients.drop(),
  }
}

export const sorted = (rows: readonly Row[]): Row[] =>
  rows
    .map((row) => [JSON.stringify(row), row] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row)

class Clients {
  readonly session: Client
  readonly #name: string
  readonly #kafka: Kafka
  #admin: ReturnType<Kafka['admin']> | null = null

  constructor(name: string, { kafka, cassandra }: ServerAddresses) {
    this.#name = name
    this.#kafka = new Kafka({ clientId: 'test', brokers: [...kafka.brokers], logLevel: logLevel.NOTHING })
    this.session = new Client({
      contactPoints: [...cassandra.contactPoints],
      localDataCenter: cassandra.datacenter,
      protocolOptions: { port: cassandra.port },
      socketOptions: { readTimeout: 30_000 },
    })
  }

  async admin() {
    if (this.#admin === null) {
      this.#admin = this.#kafka.admin()
      await this.#admin.connect()
    }
    return this.#admin
  }

  async drop(): Promise<void> {
    await Promise.all([this.#dropLog(), this.#dropStore()])
  }

  async #dropLog(): Promise<void> {
    const admin = await this.admin()
    const topics = (await admin.listTopics()).filter((topic) => topic.split('.')[0] === this.#name)
    if (topics.length > 0) await admin.deleteTopics({ topics })
    // Of processes that were killed there may still be members.
    await admin.deleteGroups([this.#name]).catch(() => {})
    await admin.disconnect()
  }

  async #dropStore(): Promise<void> {
    try {
      await this.session.execute(`DROP KEYSPACE IF EXISTS "${this.#name}"`)
    } finally {
      await this.session.shutdown()
    }
  }
}

const plain = (row: types.Row): Row => Object.fromEntries(row.keys().map((column) => [column, toPlain(row[column])]))

function toPlain(value: unknown): Row[string] {
  if (value instanceof types.Long) return value.toNumber()
  if (value instanceof Date) return value.getTime()
  return value as Row[string]
}
