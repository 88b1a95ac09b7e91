import type { Client } from 'cassandra-driver'
import type { Admin, Kafka } from 'kafkajs'

import type { TradesTable } from './own-table.ts'
import { Prober } from './probe.ts'
import { connected, openCassandra, openKafka, openKafkaBroker } from './servers.ts'
import { createKeyspace } from './trades-table.ts'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'

/** A topic and a keyspace of one run. Both, and whatever was made beside them, are removed on disposal. */
export interface Arena extends AsyncDisposable {
  /** Those of the run: its topic, group and keyspace. */
  settings: Settings
  client: Client
  kafka: Kafka
  prober: Prober
}

export interface ArenaOptions {
  settings: Settings
  /** Letters, digits and dashes. */
  name: string
  clock: Clock
  /** The statement that makes the table `trades`; null: whoever writes makes it. */
  createTrades: TradesTable | null
}

export async function openArena({ settings, name, clock, createTrades }: ArenaOptions): Promise<Arena> {
  await using opening = new AsyncDisposableStack()
  const keyspace = keyspaceOf(name)
  const run: Settings = { ...settings, kafkaTopic: name, kafkaGroup: name, cassandraKeyspace: keyspace }
  const kafka = openKafka(run)
  const admin = kafka.admin()
  opening.defer(() => admin.disconnect())
  await connected(admin)
  const client = await openCassandra(run)
  opening.defer(() => client.shutdown())
  opening.defer(() => sweep(admin, client, name))
  await makeTopic(run, clock)
  if (createTrades !== null) {
    await client.execute(
      createKeyspace(keyspace, run.cassandraDatacenter ?? '', run.cassandraReplication ?? 1),
      [],
      DDL,
    )
    await client.execute(createTrades(keyspace), [], DDL)
  }
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  opening.defer(() => producer.disconnect())
  await connected(producer)
  const { partitions } = run
  const prober = new Prober({ producer, client, topic: name, keyspace, partitions, clock })
  const opened = opening.move()
  return { settings: run, client, kafka, prober, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Statements about tables cannot be prepared. */
export const DDL = { prepare: false } as const

export const keyspaceOf = (name: string): string => name.replaceAll('-', '_')

/** That of a run that was killed goes by itself. */
const KEPT_MS = 86_400_000

/** As the pipeline makes it: it resolves once every partition has a leader. */
async function makeTopic(run: Settings, clock: Clock): Promise<void> {
  await using broker = openKafkaBroker(run, clock)
  await broker.createTopic({ name: run.kafkaTopic, partitions: run.partitions, retentionMs: KEPT_MS })
}

/** Removes every topic and group of that name or of a name that begins with it, and the keyspace. Goes as far as it can. */
export async function sweep(admin: Admin, client: Client, name: string): Promise<void> {
  await Promise.allSettled([
    admin.listTopics().then(async (topics) => {
      const ours = topics.filter((topic) => topic.startsWith(name))
      if (ours.length > 0) await admin.deleteTopics({ topics: ours })
    }),
    admin.deleteGroups([name]),
    client.execute(`DROP KEYSPACE IF EXISTS ${keyspaceOf(name)}`, [], DDL),
  ])
}
