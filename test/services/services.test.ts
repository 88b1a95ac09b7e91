/** The launcher of real Kafka and Cassandra, on real ones. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { auth, Client } from 'cassandra-driver'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } from 'kafkajs'

import { until } from '../until.ts'
import { CASSANDRA_USER, type CassandraServers, isCassandra, startCassandra } from './cassandra.ts'
import { isKafka, KAFKA_USERS, type KafkaServers, startKafka } from './kafka.ts'
import { isAlive } from './servers.ts'
import { canStartServices } from './services.ts'
import { KAFKA_VARIABLE, UNAVAILABLE } from './shared.ts'
import { makeTopic } from './topic.ts'

const TOPIC = 'greetings'
/** The first of these tests on a new machine installs the servers. */
setDefaultTimeout(15 * 60_000)

const portOf = (address: string | undefined): number => Number(address?.split(':')[1])

function client({ brokers }: KafkaServers, user?: { username: string; password: string }): Kafka {
  const sasl = user && ({ mechanism: 'plain', ...user } as const)
  return new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
    ...(sasl && { sasl }),
  })
}

async function send(kafka: Kafka, value: string): Promise<void> {
  const producer = kafka.producer()
  await producer.connect()
  try {
    await producer.send({ topic: TOPIC, acks: -1, messages: [{ value }] })
  } finally {
    await producer.disconnect()
  }
}

async function administer<Result>(kafka: Kafka, work: (admin: ReturnType<Kafka['admin']>) => Promise<Result>) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

const create = (kafka: Kafka, replicationFactor = 1) =>
  administer(kafka, (admin) => makeTopic(admin, { topic: TOPIC, numPartitions: 1, replicationFactor }))

const endOffset = (kafka: Kafka) =>
  administer(kafka, async (admin) => (await admin.fetchTopicOffsets(TOPIC))[0]?.offset)

/** The brokers that the first one counts as alive; none when it cannot say just now. */
async function nodes(servers: KafkaServers): Promise<number[]> {
  const first = client({ ...servers, brokers: servers.brokers.slice(0, 1) })
  try {
    const { brokers } = await administer(first, (admin) => admin.describeCluster())
    return brokers.map(({ nodeId }) => nodeId).sort()
  } catch {
    return []
  }
}

/** The folder of a Java server, from the settings file that its command line names. */
const rootOf = (pid: number): string => {
  const root = /\S+\/stockpipe-test-(kafka|cassandra)-[^/\s]+/.exec(
    Bun.spawnSync(['ps', '-ww', '-o', 'args=', '-p', String(pid)])
      .stdout.toString()
      .split('log4j2.configurationFile=')[1] ?? '',
  )?.[0]
  if (root === undefined) throw new Error(`process ${pid} has no folder`)
  return root
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(!canStartServices())('Kafka of the tests', () => {
  test('keeps what it acknowledged over a kill and over a polite restart, on the same port', async () => {
    await using servers = await startKafka()
    const kafka = client(servers)
    await create(kafka)
    await send(kafka, 'one')
    await servers.kill()
    expect(await isKafka(portOf(servers.brokers[0]))).toBe(false)
    await servers.restart()
    expect(await endOffset(kafka)).toBe('1')
    await send(kafka, 'two')
    await servers.restart()
    expect(await endOffset(kafka)).toBe('2')
  })

  test('is silent while paused, and goes on where it was', async () => {
    await using servers = await startKafka()
    const port = portOf(servers.brokers[0])
    servers.pause()
    expect(await isKafka(port)).toBe(false)
    servers.resume()
    await until(() => isKafka(port), Boolean)
  })

  test('has three brokers when asked, and two of them carry on without the third', async () => {
    await using servers = await startKafka({ brokers: 3 })
    await create(client(servers), 3)
    expect(await nodes(servers)).toEqual([1, 2, 3])
    await servers.kill(2)
    await until(
      () => nodes(servers),
      (left) => left.join() === '1,3',
    )
    await send(client(servers), 'without the second')
    expect(await endOffset(client(servers))).toBe('1')
    await servers.restart(2)
    expect(await nodes(servers)).toEqual([1, 2, 3])
  })

  test('with logins refuses a wrong password, and a user without rights until he has them', async () => {
    await using servers = await startKafka({ auth: 'plain' })
    const admin = client(servers, KAFKA_USERS.admin)
    const guest = client(servers, KAFKA_USERS.guest)
    const stranger = client(servers, { username: 'guest', password: 'wrong' })
    await create(admin)
    expect(send(stranger, 'no')).rejects.toMatchObject({ name: 'KafkaJSSASLAuthenticationError' })
    expect(send(guest, 'no')).rejects.toThrow('Topic authorization failed')
    await administer(admin, (admin) =>
      admin.createAcls({
        acl: [
          {
            resourceType: AclResourceTypes.TOPIC,
            resourceName: TOPIC,
            resourcePatternType: ResourcePatternTypes.LITERAL,
            principal: `User:${KAFKA_USERS.guest.username}`,
            host: '*',
            operation: AclOperationTypes.ALL,
            permissionType: AclPermissionTypes.ALLOW,
          },
        ],
      }),
    )
    await send(guest, 'yes')
    expect(await endOffset(admin)).toBe('1')
  })

  test('goes with the process that started it, even when that is killed, and leaves no folder', async () => {
    const parent = Bun.spawn(['bun', join(import.meta.dir, 'parent.fixture.ts')], { stdout: 'pipe' })
    let said = ''
    for await (const chunk of parent.stdout.pipeThrough(new TextDecoderStream())) {
      said += chunk
      if (said.includes('\n')) break
    }
    const { pid } = JSON.parse(said) as { pid: number }
    expect(isAlive(pid)).toBe(true)
    const root = rootOf(pid)
    expect(existsSync(root)).toBe(true)
    parent.kill('SIGKILL')
    await until(
      () => isAlive(pid),
      (alive) => !alive,
    )
    await until(
      () => existsSync(root),
      (exists) => !exists,
    )
  })

  test('is started for a test file that runs alone, and stopped after it', async () => {
    const { [KAFKA_VARIABLE]: _, ...env } = process.env
    const { stdout, stderr } = Bun.spawnSync(['bun', 'test', join(import.meta.dir, 'on-demand.fixture.ts')], { env })
    expect(stderr.toString()).toMatch(/1 pass\n\s*0 fail/)
    expect(await isKafka(Number(/port=(\d+)/.exec(stdout.toString())?.[1]))).toBe(false)
  })

  test('is left out without a word where npm test said already that there is none', () => {
    const env = { ...process.env, [KAFKA_VARIABLE]: UNAVAILABLE }
    const { stderr } = Bun.spawnSync(['bun', 'test', join(import.meta.dir, 'on-demand.fixture.ts')], { env })
    expect(stderr.toString()).toMatch(/0 pass\n\s*1 skip\n\s*0 fail/)
    expect(stderr.toString()).not.toContain('SKIPPED')
  })
})

const connect = ({ contactPoints, port, datacenter }: CassandraServers, password: string): Client =>
  new Client({
    contactPoints: [...contactPoints],
    protocolOptions: { port },
    localDataCenter: datacenter,
    authProvider: new auth.PlainTextAuthProvider(CASSANDRA_USER.username, password),
  })

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(!canStartServices())('Cassandra of the tests', () => {
  test('has logins when asked, is silent while paused, and keeps acknowledged rows over a kill', async () => {
    await using servers = await startCassandra({ auth: true, commitlogSync: 'batch' })
    const stranger = connect(servers, 'wrong')
    expect(stranger.connect()).rejects.toThrow('All host(s) tried for query failed')
    await stranger.shutdown()

    const before = connect(servers, CASSANDRA_USER.password)
    await before.execute(`CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`)
    await before.execute('CREATE TABLE k.t (id int PRIMARY KEY, word text)')
    await before.execute(`INSERT INTO k.t (id, word) VALUES (1, 'one')`)
    servers.pause()
    expect(await isCassandra(servers.port)).toBe(false)
    servers.resume()
    await until(() => isCassandra(servers.port), Boolean)
    await before.shutdown()

    await servers.kill()
    await servers.restart()
    const after = connect(servers, CASSANDRA_USER.password)
    const { rows } = await after.execute('SELECT word FROM k.t')
    await after.shutdown()
    expect(rows.map((row) => String(row['word']))).toEqual(['one'])
  })
})
