/**
 * What is wrong with Kafka or Cassandra, and what the executable makes of it: it says so once, says it on /readyz, loses
 * nothing, does not end or spin, and goes on by itself when it is cured. `OUTAGE_S` (15) is how long servers are away.
 */
import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'

import { temporaryFolder } from './binary.ts'
import { type Running, running, until } from './running.ts'
import {
  allow,
  cassandraArgs,
  complaints,
  cpuSeconds,
  kafkaArgs,
  type Login,
  market,
  passwords,
  readyOnce,
  sentTrades,
  setTopic,
  startFaultyServers,
  storeOptions,
  storedTrades,
  unequal,
} from './server-faults.fixture.ts'
import { KAFKA_USERS } from './services/kafka.ts'
import { canStartServices } from './services/services.ts'
import { openCassandraStore } from '../src/stream/store/cassandra.ts'

const OUTAGE_MS = Number(process.env['OUTAGE_S'] ?? 15) * 1_000
const PATIENCE_MS = 90_000 + 2 * OUTAGE_MS

const isPossible = canStartServices()
const servers = isPossible ? await startFaultyServers() : null
const quiet = isPossible ? await market('--rate', '20') : null
afterAll(async () => {
  await quiet?.simulator.stop()
  await servers?.[Symbol.asyncDispose]()
}, 30_000)

const lab = () => {
  if (servers === null || quiet === null) throw new Error('there are no servers')
  return { servers, url: quiet.url }
}

const BASE = ['run', '--listen', '127.0.0.1:0', '--symbols', 'BINANCE:BTCUSDT,AAPL']
const GUEST = KAFKA_USERS.guest

interface Case {
  args: readonly string[]
  logins?: { kafka?: Login; cassandra?: Login }
  feed?: string
  env?: Record<string, string>
}

/** Feed, log, store and API in one process. */
async function pipeline({ args, logins, feed = lab().url, env = passwords(logins) }: Case, folder: string) {
  const run = running([...BASE, '--finnhub-url', feed, '--data-dir', folder, ...args], env)
  return { run, url: await run.url() }
}

interface Complaint {
  /** The component on /readyz, and a part of its reason. */
  component: string
  reason: RegExp
  /** Of the one line in the log. */
  hint: RegExp
}

/** It says what is wrong, once, and goes on waiting. */
async function complains({ run, url }: { run: Running; url: string }, { component, reason, hint }: Complaint) {
  const isIt = (text: string) => notReady(text).some((part) => part.component === component && reason.test(part.reason))
  await readyOnce(url, ({ status, text }) => status === 503 && isIt(text))
  // Long enough for a second try of everything.
  await Bun.sleep(6_000)
  expect(run.child.exitCode).toBeNull()
  const lines = complaints(run).filter((line) => hint.test(String(line['try'])))
  expect(lines.length).toBe(1)
  if (process.env['SHOW'] !== undefined) console.log(JSON.stringify(lines[0], null, 1))
  const [line] = lines
  expect(typeof line?.['error']).toBe('string')
  expect(line?.['why']).toBeTruthy()
  expect(complaints(run).length).toBeLessThanOrEqual(3)
}

const notReady = (text: string): { component: string; reason: string }[] =>
  (JSON.parse(text) as { not_ready: { component: string; reason: string }[] }).not_ready

/** All is well, and trades come through. */
async function works(url: string) {
  await readyOnce(url, ({ status }) => status === 200)
  const latest = async () => ((await (await fetch(`${url}/v1/latest`)).json()) as { data: unknown[] }).data.length
  await until(latest, (count) => count === 2)
}

async function recovers({ run, url }: { run: Running; url: string }) {
  await works(url)
  expect(await run.stop()).toBe(0)
}

const wrong = (login: Login): Login => ({ ...login, password: 'not-the-password' })

test.concurrent.skipIf(!isPossible)(
  'a wrong Kafka password',
  async () => {
    using folder = temporaryFolder()
    const logins = { kafka: wrong(KAFKA_USERS.admin) }
    const all = await pipeline({ args: kafkaArgs(lab().servers, 'wrongpassword'), logins }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'log',
      reason: /Kafka refuses this user or password/,
      hint: /--kafka-sasl-password-file/,
    })
    expect(JSON.stringify(all.run.lines())).not.toContain('not-the-password')
    expect(await all.run.stop()).toBe(0)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a Kafka user without rights, and then without a group',
  async () => {
    using folder = temporaryFolder()
    const args = kafkaArgs(lab().servers, 'rights', GUEST)
    const all = await pipeline({ args, logins: { kafka: GUEST } }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'log',
      reason: /Kafka does not let this user at the topic/,
      hint: /--kafka-topic/,
    })
    await allow(lab().servers, { type: 'TOPIC', name: 'rights', operation: 'ALL' })
    await complains(all, {
      component: 'log',
      reason: /not let this user into the consumer group/,
      hint: /--kafka-group/,
    })
    await allow(lab().servers, { type: 'GROUP', name: 'rights', operation: 'READ' })
    await recovers(all)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a topic with another partition count',
  async () => {
    using folder = temporaryFolder()
    const { admin } = lab().servers
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'five', numPartitions: 5 }] })
    const all = await pipeline({ args: kafkaArgs(lab().servers, 'five') }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'log',
      reason: /topic five has 5 partitions, not 2/,
      hint: /--partitions 5/,
    })
    await admin.deleteTopics({ topics: ['five'] })
    await recovers(all)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a record that is too large for its topic waits until it is not',
  async () => {
    using folder = temporaryFolder()
    const { servers, url } = lab()
    await servers.admin.createTopics({
      topics: [{ topic: 'tiny', numPartitions: 2, configEntries: [{ name: 'max.message.bytes', value: '60' }] }],
    })
    const all = await pipeline({ args: kafkaArgs(servers, 'tiny'), feed: url }, folder.path)
    await using _run = all.run
    await complains(all, { component: 'log', reason: /larger than Kafka accepts/, hint: /max\.message\.bytes/ })
    await setTopic(servers, 'tiny', 'max.message.bytes', '1000000')
    await recovers(all)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'the name of a Kafka broker that does not resolve',
  async () => {
    using folder = temporaryFolder()
    const all = await pipeline({ args: ['--kafka-brokers', 'kafka.invalid:9092'], env: {} }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'log',
      reason: /kafka\.invalid:9092 does not resolve/,
      hint: /--kafka-brokers.*DNS/,
    })
    expect(await all.run.stop()).toBe(0)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a topic that is deleted while it is used, and made again',
  async () => {
    using folder = temporaryFolder()
    const { servers } = lab()
    const all = await pipeline({ args: kafkaArgs(servers, 'gone') }, folder.path)
    await using _run = all.run
    await readyOnce(all.url, ({ status }) => status === 200)
    await servers.admin.deleteTopics({ topics: ['gone'] })
    await complains(all, { component: 'log', reason: /the topic is not there/, hint: /create it again/ })
    await servers.admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'gone', numPartitions: 2 }] })
    await recovers(all)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a wrong Cassandra password',
  async () => {
    using folder = temporaryFolder()
    const { servers } = lab()
    const late = { username: 'late', password: 'not-yet-the-password' }
    await servers.cql.execute(`CREATE ROLE late WITH PASSWORD = 'another' AND LOGIN = true AND SUPERUSER = true`)
    const args = cassandraArgs(servers, 'late', late)
    const all = await pipeline({ args, logins: { cassandra: late } }, folder.path)
    await using _run = all.run
    await complains(all, { component: 'store', reason: /refuses the login/, hint: /--cassandra-password-file/ })
    expect(JSON.stringify(all.run.lines())).not.toContain(late.password)
    await servers.cql.execute(`ALTER ROLE late WITH PASSWORD = '${late.password}'`)
    await recovers(all)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a Cassandra role that may read and not write',
  async () => {
    using folder = temporaryFolder()
    const { servers } = lab()
    const reader = { username: 'reader', password: 'reader' }
    await using store = await openCassandraStore(storeOptions(servers, 'readonly'))
    await store.id()
    await servers.cql.execute(`CREATE ROLE reader WITH PASSWORD = 'reader' AND LOGIN = true`)
    await servers.cql.execute(`GRANT SELECT ON KEYSPACE readonly TO reader`)
    const args = cassandraArgs(servers, 'readonly', reader)
    const all = await pipeline({ args, logins: { cassandra: reader } }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'store',
      reason: /MODIFY/,
      hint: /GRANT MODIFY ON KEYSPACE "?readonly"? TO "reader"/,
    })
    await servers.cql.execute(`GRANT MODIFY ON KEYSPACE readonly TO reader`)
    await recovers(all)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'a datacenter that Cassandra does not have',
  async () => {
    using folder = temporaryFolder()
    const args = [...cassandraArgs(lab().servers, 'nowhere'), '--cassandra-datacenter', 'dcX']
    const all = await pipeline({ args }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'store',
      reason: /no datacenter "dcX" \(it has: datacenter1\)/,
      hint: /--cassandra-datacenter/,
    })
    expect(await all.run.stop()).toBe(0)
  },
  PATIENCE_MS,
)

test.concurrent.skipIf(!isPossible)(
  'the name of a Cassandra node that does not resolve',
  async () => {
    using folder = temporaryFolder()
    const all = await pipeline({ args: ['--cassandra-contact-points', 'cassandra.invalid'], env: {} }, folder.path)
    await using _run = all.run
    await complains(all, {
      component: 'store',
      reason: /cassandra\.invalid.*none of these names resolves/,
      hint: /--cassandra-contact-points.*DNS/,
    })
    expect(await all.run.stop()).toBe(0)
  },
  PATIENCE_MS,
)

/** Three processes as they are deployed, and a market that writes down what it sent. */
async function deployment(name: string, folder: string) {
  const { servers } = lab()
  const truth = join(folder, 'truth.ndjson')
  const { simulator, url } = await market('--rate', '20', '--truth', truth)
  const start = (role: string, ...args: string[]) =>
    running([...BASE, '--role', role, ...kafkaArgs(servers, name), ...args], passwords())
  const store = cassandraArgs(servers, name)
  const roles = {
    producer: start('producer', '--finnhub-url', url),
    processor: start('processor', ...store),
    api: start('api', ...store),
  }
  const everybody = Object.values(roles)
  const urls = await Promise.all(everybody.map((run) => run.url()))
  const isReady = async () => {
    for (const at of urls) await readyOnce(at, ({ status }) => status === 200)
  }
  await isReady()
  return {
    ...roles,
    everybody,
    isReady,
    /** What is not ready in at least one of them, once there is something. */
    trouble: (of: RegExp) => Promise.all(urls.map((at) => readyOnce(at, ({ text }) => of.test(text)))),
    /** Stops the market, and waits until all that it sent is stored. */
    async compare() {
      expect(await simulator.stop()).toBe(0)
      const sent = sentTrades(truth)
      const total = [...sent.values()].reduce((a, b) => a + b, 0)
      const stored = await until(
        () => storedTrades(servers, name),
        (found) => [...found.values()].reduce((a, b) => a + b, 0) >= total,
      )
      return { total, wrong: unequal(sent, stored) }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([simulator, ...everybody].map((run) => run[Symbol.asyncDispose]()))
    },
  }
}

interface Outage {
  begin(): unknown
  end(): unknown
  /** Who notices, and what /readyz says there. */
  noticed: readonly ('producer' | 'processor' | 'api')[]
  reason: RegExp
}

/** Servers away, one way after the other: it is said, nobody ends or spins, and all of it is stored once. */
async function survives(name: string, outages: readonly Outage[]) {
  using folder = temporaryFolder()
  await using all = await deployment(name, folder.path)
  for (const { begin, end, noticed, reason } of outages) {
    const before = all.everybody.map((run) => complaints(run).length)
    await begin()
    const until = Bun.sleep(OUTAGE_MS)
    const cpu = all.everybody.map(({ child }) => cpuSeconds(child.pid))
    for (const role of noticed) await readyOnce(await all[role].url(), ({ text }) => reason.test(text))
    await until
    for (const [index, { child }] of all.everybody.entries()) {
      expect(child.exitCode).toBeNull()
      expect(cpuSeconds(child.pid) - (cpu[index] ?? 0)).toBeLessThan(0.3 * (OUTAGE_MS / 1_000))
    }
    await end()
    await all.isReady()
    for (const [index, run] of all.everybody.entries()) {
      if (process.env['SHOW'] !== undefined) console.log(name, index, complaints(run).slice(before[index]))
      expect(complaints(run).length - (before[index] ?? 0)).toBeLessThanOrEqual(3)
    }
  }
  const { total, wrong } = await all.compare()
  expect(wrong).toEqual([])
  expect(total).toBeGreaterThan(20 * (OUTAGE_MS / 1_000))
  for (const run of all.everybody) expect(await run.stop()).toBe(0)
  expect(all.producer.named('feed.loss.begin')).toEqual([])
}

test.skipIf(!isPossible)(
  'Kafka away: stopped, and killed',
  async () => {
    const { kafka } = lab().servers
    const noticed = ['producer', 'processor', 'api'] as const
    const reason = /"component":"(log|live)","reason":"[^"]+"/
    await survives('kafka_away', [
      { begin: () => kafka.pause(), end: () => kafka.resume(), noticed, reason },
      { begin: () => kafka.kill(), end: () => kafka.restart(), noticed, reason },
    ])
  },
  2 * PATIENCE_MS,
)

test.skipIf(!isPossible)(
  'Cassandra away: stopped, and killed',
  async () => {
    const { cassandra } = lab().servers
    const noticed = ['processor', 'api'] as const
    const reason = /"component":"store","reason":"Cassandra at [^"]* cannot be used/
    await survives('cassandra_away', [
      { begin: () => cassandra.pause(), end: () => cassandra.resume(), noticed, reason },
      { begin: () => cassandra.kill(), end: () => cassandra.restart(), noticed, reason },
    ])
  },
  2 * PATIENCE_MS,
)
