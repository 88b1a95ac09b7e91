/**
 * What is wrong with Kafka or Cassandra, and what the executable makes of it: it says so once, says it on /readyz, loses
 * nothing, does not end or spin, and goes on by itself when it is cured. `OUTAGE_S` (15) is how long servers are away.
 */
import { afterAll, expect, test } from 'bun:test'

import { canary } from './canary.ts'
import { stockpipe, temporaryFolder } from './binary.ts'
import { type Running, running, until } from './running.ts'
import {
  allow,
  BASE,
  cassandraArgs,
  complaints,
  type FaultyServers,
  kafkaArgs,
  type Login,
  market,
  passwords,
  readyOnce,
  setTopic,
  startFaultyServers,
  storeOptions,
} from './server-faults.fixture.ts'
import { survive } from './server-outages.fixture.ts'
import { CASSANDRA_USER } from './services/cassandra.ts'
import { KAFKA_USERS } from './services/kafka.ts'
import { canStartServices } from './services/services.ts'
import { openCassandraStore } from '../src/stream/store/cassandra.ts'

const OUTAGE_MS = Number(process.env['OUTAGE_S'] ?? 15) * 1_000
/** Only a failing test waits as long. */
const LIMIT_MS = 180_000 + 3 * OUTAGE_MS
/** Long enough for a second try of everything. */
const WATCHED_MS = 6_000

const lab = canStartServices() ? { servers: await startFaultyServers(), ...(await market('--rate', '60')) } : null
afterAll(async () => {
  await lab?.simulator.stop()
  await lab?.servers[Symbol.asyncDispose]()
}, 30_000)

type Work = (servers: FaultyServers, folder: string) => Promise<void>

function faulty(name: string, work: Work): void {
  const run = async () => {
    using folder = temporaryFolder()
    if (lab !== null) await work(lab.servers, folder.path)
  }
  // No Java, no servers: test/services says so, and fails where CI is set.
  test.concurrent.skipIf(lab === null)(name, run, LIMIT_MS)
}

interface Pipeline extends AsyncDisposable {
  run: Running
  url: string
}

/** Feed, log, store and API in one process. */
async function pipeline(
  folder: string,
  args: readonly string[],
  logins: { kafka?: Login; cassandra?: Login } | null = {},
): Promise<Pipeline> {
  const all = [...BASE, '--finnhub-url', lab?.url ?? '', '--data-dir', folder, ...args]
  const run = running(all, logins === null ? {} : passwords(logins))
  return { run, url: await run.url(), [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() }
}

interface Complaint {
  /** On /readyz. */
  component: 'log' | 'store'
  reason: RegExp
  /** Of the one line in the log. */
  hint: RegExp
}

/** It says what is wrong, once, and goes on waiting. */
async function complains({ run, url }: Pipeline, { component, reason, hint }: Complaint): Promise<void> {
  const isNamed = (text: string) =>
    notReady(text).some((part) => part.component === component && reason.test(part.reason))
  await readyOnce(url, ({ status, text }) => status === 503 && isNamed(text))
  await Bun.sleep(WATCHED_MS)
  expect(run.child.exitCode).toBeNull()
  const lines = complaints(run).filter((line) => hint.test(String(line['try'])))
  if (process.env['SHOW'] !== undefined) console.log(lines)
  expect(lines).toMatchObject([{ err: { message: expect.any(String) as string }, why: expect.any(String) as string }])
  expect(complaints(run).length).toBeLessThanOrEqual(3)
}

const notReady = (text: string): { component: string; reason: string }[] =>
  (JSON.parse(text) as { not_ready: { component: string; reason: string }[] }).not_ready

/** All is well, and trades come through. */
async function works({ url }: Pipeline): Promise<void> {
  await readyOnce(url, ({ status }) => status === 200)
  const latest = async () => ((await (await fetch(`${url}/v1/latest`)).json()) as { data: unknown[] }).data.length
  await until(latest, (count) => count === 2)
}

async function stops({ run }: Pipeline): Promise<void> {
  expect(await run.stop()).toBe(0)
}

const wrong = (login: Login): Login => ({ ...login, password: canary('wrong') })

faulty('Kafka away: stopped, and killed', (servers) => {
  const { kafka } = servers
  const noticed = ['producer', 'processor', 'api'] as const
  const reason = /"component":"(log|live)","reason":"cannot [^"]+(answer|connect)/
  const outages = [
    { begin: () => kafka.pause(), end: () => kafka.resume(), noticed, reason },
    { begin: () => kafka.kill(), end: () => kafka.restart(), noticed, reason },
  ]
  return survive(servers, outages, OUTAGE_MS)
})

faulty('a wrong Cassandra password', async (servers, folder) => {
  const late = { username: 'late', password: canary('late') }
  await servers.cql.execute(`CREATE ROLE late WITH PASSWORD = 'another' AND LOGIN = true AND SUPERUSER = true`)
  await using all = await pipeline(folder, cassandraArgs(servers, 'late', late), { cassandra: late })
  await complains(all, { component: 'store', reason: /refuses the login/, hint: /--cassandra-password-file/ })
  expect(JSON.stringify(all.run.lines())).not.toContain(late.password)
  await servers.cql.execute(`ALTER ROLE late WITH PASSWORD = '${late.password}'`)
  await works(all)
  await stops(all)
})

faulty('a Cassandra role that may read and not write', async (servers, folder) => {
  const reader = { username: 'reader', password: 'reader' }
  await using store = await openCassandraStore(storeOptions(servers, 'readonly'))
  await store.id()
  await servers.cql.execute(`CREATE ROLE reader WITH PASSWORD = 'reader' AND LOGIN = true`)
  await servers.cql.execute(`GRANT SELECT ON KEYSPACE readonly TO reader`)
  await using all = await pipeline(folder, cassandraArgs(servers, 'readonly', reader), { cassandra: reader })
  const grant = /GRANT MODIFY ON KEYSPACE "readonly" TO "reader";/
  await complains(all, { component: 'store', reason: /no MODIFY permission/, hint: grant })
  await servers.cql.execute(`GRANT MODIFY ON KEYSPACE readonly TO reader`)
  await works(all)
  await stops(all)
})

faulty('a datacenter that Cassandra does not have', async (servers, folder) => {
  await using all = await pipeline(folder, [...cassandraArgs(servers, 'nowhere'), '--cassandra-datacenter', 'dcX'])
  const reason = /no datacenter "dcX" \(it has: datacenter1\)/
  await complains(all, { component: 'store', reason, hint: /--cassandra-datacenter/ })
  await stops(all)
})

faulty('the name of a Cassandra node that does not resolve', async (_servers, folder) => {
  await using all = await pipeline(folder, ['--cassandra-contact-points', 'cassandra.invalid'], null)
  const reason = /cassandra\.invalid.*none of these names resolves/
  await complains(all, { component: 'store', reason, hint: /--cassandra-contact-points.*DNS/ })
  await stops(all)
})

/** And parts what runs at the same time: who needs Cassandra runs while Kafka is away, and the other way round. */
// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(lab === null)(
  'doctor names what is wrong with logins and rights, and no password',
  async () => {
    const { servers } = lab as NonNullable<typeof lab>
    const { guest, admin } = KAFKA_USERS
    const diagnose = async (kafka: Login, cassandra: Login) => {
      const args = [...kafkaArgs(servers, 'doctored', kafka), ...cassandraArgs(servers, 'doctored', cassandra)]
      const { stdout } = await stockpipe(['doctor', ...args], passwords({ kafka, cassandra }))
      expect(stdout).not.toContain(kafka.password)
      return stdout
    }
    const nobody = await diagnose(wrong(admin), wrong(CASSANDRA_USER))
    expect(nobody).toMatch(/^fail {2}kafka .*refuses this user or password.*\n +try: .*--kafka-sasl-password-file/m)
    expect(nobody).toMatch(/^fail {2}cassandra .*refuses the login.*\n +try: .*--cassandra-password-file/m)
    const restricted = await diagnose(guest, { username: 'reader', password: 'reader' })
    expect(restricted).toMatch(/^ok {4}kafka .*logged in as guest/m)
    expect(restricted).toMatch(/^fail {2}topic .*does not let this user at the topic.*\n +try: allow/m)
    expect(restricted).toMatch(/^fail {2}group .*does not let this user into the consumer group.*\n +try: allow/m)
    expect(restricted).toMatch(/^ok {4}cassandra .*logged in as reader/m)
  },
  LIMIT_MS,
)

faulty('Cassandra away: stopped, and killed', (servers) => {
  const { cassandra } = servers
  const noticed = ['processor', 'api'] as const
  const reason = /"component":"store","reason":"Cassandra at [^"]* cannot be used \([^"]+\)/
  const outages = [
    { begin: () => cassandra.pause(), end: () => cassandra.resume(), noticed, reason },
    { begin: () => cassandra.kill(), end: () => cassandra.restart(), noticed, reason },
  ]
  return survive(servers, outages, OUTAGE_MS)
})

faulty('a wrong Kafka password', async (servers, folder) => {
  const logins = { kafka: wrong(KAFKA_USERS.admin) }
  await using all = await pipeline(folder, kafkaArgs(servers, 'login'), logins)
  const reason = /Kafka refuses this user or password/
  await complains(all, { component: 'log', reason, hint: /--kafka-sasl-password-file/ })
  expect(JSON.stringify(all.run.lines())).not.toContain(logins.kafka.password)
  await stops(all)
})

faulty('a Kafka user without rights, and then without those of a group', async (servers, folder) => {
  const { guest } = KAFKA_USERS
  await using all = await pipeline(folder, kafkaArgs(servers, 'rights', guest), { kafka: guest })
  await complains(all, { component: 'log', reason: /not let this user at the topic/, hint: /--kafka-topic/ })
  await allow(servers, { type: 'TOPIC', name: 'rights', operation: 'ALL' })
  await complains(all, { component: 'log', reason: /not let this user into the consumer group/, hint: /--kafka-group/ })
  await allow(servers, { type: 'GROUP', name: 'rights', operation: 'READ' })
  await works(all)
  await stops(all)
})

faulty('a topic with another partition count', async (servers, folder) => {
  const { admin } = servers
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'five', numPartitions: 5 }] })
  await using all = await pipeline(folder, kafkaArgs(servers, 'five'))
  await complains(all, { component: 'log', reason: /topic five has 5 partitions, not 2/, hint: /--partitions 5/ })
  await admin.deleteTopics({ topics: ['five'] })
  await works(all)
  await stops(all)
})

faulty('a record that is too large for its topic waits until it is not', async (servers, folder) => {
  const configEntries = [{ name: 'max.message.bytes', value: '60' }]
  const topics = [{ topic: 'tiny', numPartitions: 2, configEntries }]
  await servers.admin.createTopics({ waitForLeaders: false, topics })
  await using all = await pipeline(folder, kafkaArgs(servers, 'tiny'))
  await complains(all, { component: 'log', reason: /larger than Kafka accepts/, hint: /max\.message\.bytes/ })
  await setTopic(servers, 'tiny', 'max.message.bytes', '1000000')
  await works(all)
  await stops(all)
})

faulty('a topic that is deleted while it is used, and made again', async (servers, folder) => {
  const { admin } = servers
  await using all = await pipeline(folder, kafkaArgs(servers, 'gone'))
  await works(all)
  await admin.deleteTopics({ topics: ['gone'] })
  await complains(all, { component: 'log', reason: /the topic is not there/, hint: /create it again/ })
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'gone', numPartitions: 2 }] })
  await works(all)
  await stops(all)
})

faulty('the name of a Kafka broker that does not resolve', async (_servers, folder) => {
  await using all = await pipeline(folder, ['--kafka-brokers', 'kafka.invalid:9092'], null)
  await complains(all, {
    component: 'log',
    reason: /kafka\.invalid:9092 does not resolve/,
    hint: /--kafka-brokers.*DNS/,
  })
  await stops(all)
})
