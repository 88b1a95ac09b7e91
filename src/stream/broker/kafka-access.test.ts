import { afterAll, describe, expect, test } from 'bun:test'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'

import { canary } from '../../../test/canary.ts'
import { until } from '../../../test/until.ts'
import { KAFKA_USERS, startKafka } from '../../../test/services/kafka.ts'
import { canStartServices } from '../../../test/services/services.ts'
import { appendSurely, failureOf, Member, newName, openBroker, record, thirdParty } from './kafka.fixture.ts'
import type { Sasl } from './kafka/protocol.ts'

const kafka = canStartServices() ? await startKafka({ auth: 'plain' }) : null
const brokers = kafka?.brokers ?? []
const plain = (user: { username: string; password: string }): Sasl => ({ mechanism: 'plain', ...user })

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('a Kafka with logins', () => {
  const admin = thirdParty(brokers, { sasl: { mechanism: 'plain', ...KAFKA_USERS.admin } }).admin()
  const root = openBroker(brokers, { sasl: plain(KAFKA_USERS.admin) })
  const guest = openBroker(brokers, { sasl: plain(KAFKA_USERS.guest) })
  afterAll(async () => {
    await guest[Symbol.asyncDispose]()
    await root[Symbol.asyncDispose]()
    await admin.disconnect()
    await kafka?.stop()
  })
  const allow = async (resourceType: AclResourceTypes, resourceName: string, ...operations: AclOperationTypes[]) => {
    await admin.connect()
    await admin.createAcls({
      acl: operations.map((operation) => ({
        resourceType,
        resourceName,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${KAFKA_USERS.guest.username}`,
        host: '*',
        operation,
        permissionType: AclPermissionTypes.ALLOW,
      })),
    })
  }
  const newTopic = async (): Promise<string> => {
    const topic = newName()
    await until(
      () => root.broker.createTopic({ name: topic, partitions: 1 }).catch(() => null),
      (count) => count !== null,
    )
    return topic
  }

  test.concurrent('a wrong password is named, and can be mended', async () => {
    const login = plain({ username: 'guest', password: canary('wrong') })
    await using one = openBroker(brokers, { sasl: login })
    const failure = await failureOf(one.broker.append(newName(), [record('1')]))
    expect(failure).toMatchObject({ code: 'auth', mendable: true })
    expect(String(failure)).toContain('refuses this user or password')
    expect(Bun.inspect(failure, { depth: 10 })).not.toContain(canary('wrong'))
  })

  test.concurrent('a way to log in that Kafka does not offer is named', async () => {
    await using one = openBroker(brokers, { sasl: { mechanism: 'scram-sha-256', ...KAFKA_USERS.guest } })
    const failure = await failureOf(one.broker.createTopic({ name: newName(), partitions: 1 }))
    expect(failure).toMatchObject({ code: 'auth', mendable: true })
    expect(String(failure)).toContain('does not know this way to log in')
  })

  test.concurrent('no login where one is needed fails with words, soon', async () => {
    await using one = openBroker(brokers)
    const startedAt = Date.now()
    const failure = await failureOf(one.broker.createTopic({ name: newName(), partitions: 1 }))
    expect(failure).toMatchObject({ name: 'StockpipeError' })
    expect(Date.now() - startedAt).toBeLessThan(5_000)
  })

  test.concurrent('a topic that may not be seen, made, written or read is named; rights that come are used at once', async () => {
    const topic = await newTopic()
    const records = [record('1')]
    expect(await failureOf(guest.broker.createTopic({ name: topic, partitions: 1 }))).toMatchObject({
      code: 'auth',
      mendable: true,
    })
    expect(await failureOf(guest.broker.bounds(topic))).toMatchObject({ code: 'auth', mendable: true })
    await allow(AclResourceTypes.TOPIC, topic, AclOperationTypes.DESCRIBE)
    const refused = await until(
      () => failureOf(guest.broker.append(topic, records)),
      (error) => !String(error).includes('describe'),
    )
    expect(refused).toMatchObject({ code: 'auth', mendable: true })
    await allow(AclResourceTypes.TOPIC, topic, AclOperationTypes.WRITE)
    await appendSurely(guest.broker, topic, records)
    const abort = new AbortController()
    const batches = guest.broker.read(topic, 0, 0, abort.signal)[Symbol.asyncIterator]()
    const first = batches.next()
    await until(
      () => guest.health.reason('log') ?? '',
      (reason) => reason.includes('does not let this user at the topic'),
    )
    await allow(AclResourceTypes.TOPIC, topic, AclOperationTypes.READ)
    expect((await first).value?.records).toHaveLength(1)
    expect(guest.health.reason('log')).toBeNull()
    abort.abort()
  }, 30_000)

  test.concurrent('a group that may not be joined is named, and joined once it may', async () => {
    const topic = await newTopic()
    await using one = openBroker(brokers, { sasl: plain(KAFKA_USERS.guest) })
    await allow(AclResourceTypes.TOPIC, topic, AclOperationTypes.READ)
    const member = new Member(one.broker, { topic, group: topic })
    await until(
      () => one.health.reason('log') ?? '',
      (reason) => reason.includes('does not let this user into the consumer group'),
    )
    await allow(AclResourceTypes.GROUP, topic, AclOperationTypes.READ)
    await until(
      () => member.partitions.length,
      (count) => count === 1,
    )
    expect(one.health.reason('log')).toBeNull()
    await member.leave()
  }, 30_000)

  test.concurrent('a broker that wants longer sessions than ours gets them', async () => {
    await using one = openBroker(brokers, { sasl: plain(KAFKA_USERS.admin) })
    const topic = await newTopic()
    const member = new Member(one.broker, { topic, group: topic })
    await until(
      () => member.partitions.length,
      (count) => count === 1,
    )
    expect(one.health.reason('log')).toBeNull()
    const { groups } = await admin.describeGroups([topic])
    expect(groups[0]?.members).toHaveLength(1)
    await member.leave()
  })
})
