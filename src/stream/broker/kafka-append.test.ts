import { afterAll, describe, expect, test } from 'bun:test'
import { ConfigResourceTypes } from 'kafkajs'

import { until } from '../../../test/until.ts'
import { makeTopic } from '../../../test/services/topic.ts'
import { kafkaForTests } from '../../../test/services/services.ts'
import { failureOf, newName, openBroker, readAll, readSome, record, textsOf, thirdParty } from './kafka.fixture.ts'
import { StockpipeError } from '../../errors.ts'

const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('appending to Kafka', () => {
  const { broker, [Symbol.asyncDispose]: close } = openBroker(brokers)
  const admin = thirdParty(brokers).admin()
  const topics: string[] = []
  afterAll(async () => {
    await close()
    const known = new Set(await admin.listTopics())
    await admin.deleteTopics({ topics: topics.filter((topic) => known.has(topic)) })
    await admin.disconnect()
  })
  const newTopic = async (partitions = 1): Promise<string> => {
    const topic = newName()
    await broker.createTopic({ name: topic, partitions })
    topics.push(topic)
    return topic
  }
  const setLimit = (topic: string, bytes: number) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
        },
      ],
    })
  /** Random, so that compression does not make it smaller. */
  const large = (bytes: number) => record('', { value: crypto.getRandomValues(new Uint8Array(bytes)) })

  test.concurrent('a partition that is not there is refused, and nothing else of the call is appended', async () => {
    const topic = await newTopic(2)
    expect(
      await failureOf(
        broker.append(topic, [record('1'), record('2', { partition: 2 }), record('3', { partition: 1 })]),
      ),
    ).toMatchObject({ code: 'internal', retryable: false, mendable: false })
    expect(await failureOf(broker.append(topic, [record('4', { partition: -1 })]))).toBeInstanceOf(StockpipeError)
    expect(await broker.append(topic, [record('5')])).toEqual([{ partition: 0, offset: 0, duplicate: false }])
    expect(await broker.bounds(topic)).toEqual([
      { start: 0, end: 1 },
      { start: 0, end: 0 },
    ])
  })

  test.concurrent('a bare Uint8Array arrives as its bytes, also one that is a part of another', async () => {
    const topic = await newTopic()
    const bytes = new Uint8Array([1, 2, 3, 250, 255])
    await broker.append(topic, [record('', { value: bytes }), record('', { value: bytes.subarray(3) })])
    const found = await readAll(broker, topic)
    expect(found.map(({ value }) => [...(value ?? [])])).toEqual([
      [1, 2, 3, 250, 255],
      [250, 255],
    ])
  })

  test.concurrent('a record that is too large is named, stops nothing before it, and goes once it may', async () => {
    const topic = newName()
    topics.push(topic)
    await admin.connect()
    const configEntries = [{ name: 'max.message.bytes', value: '10000' }]
    await makeTopic(admin, { topic, numPartitions: 2, replicationFactor: 1, configEntries })
    const small = Array.from({ length: 7 }, (_, at) => record(String(at)))
    const records = [...small, large(20_000), record('last'), record('elsewhere', { partition: 1 })]
    const failure = await failureOf(broker.append(topic, records))
    expect(failure).toMatchObject({ code: 'too-large', mendable: true, retryable: false })
    expect(String(failure)).toMatch(/a record of 20\d\d\d bytes .*larger than Kafka accepts/)
    // Records of the other partition and those before it went through.
    const [first, second] = await broker.bounds(topic)
    expect([first?.end, second?.end]).toEqual([7, 1])
    const other = broker.append(topic, [record('beside', { partition: 1 })])
    expect(await other).toMatchObject([{ partition: 1, offset: 1 }])
    await setLimit(topic, 100_000)
    const appended = await until(
      () => broker.append(topic, records).catch(() => null),
      (results) => results !== null,
    )
    expect(appended?.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 0])
    expect((await broker.bounds(topic))[0]?.end).toBe(9)
  }, 30_000)

  test.concurrent('a topic that is deleted is named, holds up no other, and works again when it is back', async () => {
    const [topic, other] = [await newTopic(), await newTopic()]
    await broker.append(topic, [record('1')])
    await broker.append(other, [record('1')])
    await admin.connect()
    await admin.deleteTopics({ topics: [topic] })
    const records = [record('2')]
    // Kafka answers before its brokers know.
    const failure = await until(
      () => failureOf(broker.append(topic, records)),
      (error) => error instanceof StockpipeError,
    )
    expect(failure).toMatchObject({ code: 'topic-missing', mendable: true })
    const startedAt = Date.now()
    expect(await broker.append(other, [record('2')])).toMatchObject([{ offset: 1 }])
    // An append that needs patience takes 3 s.
    expect(Date.now() - startedAt).toBeLessThan(2_500)
    await broker.createTopic({ name: topic, partitions: 1 })
    await until(
      () => broker.append(topic, records).catch(() => null),
      (results) => results !== null,
    )
    expect(textsOf(await readAll(broker, topic))).toEqual(['2'])
  }, 30_000)

  test.concurrent('a topic made anew with fewer partitions is named for what it is', async () => {
    const topic = await newTopic(3)
    await broker.append(topic, [record('1', { partition: 2 })])
    await admin.connect()
    await admin.deleteTopics({ topics: [topic] })
    await until(
      () => broker.createTopic({ name: topic, partitions: 1 }).catch(() => null),
      (count) => count !== null,
    )
    const records = [record('2', { partition: 2 })]
    const failure = await until(
      () => failureOf(broker.append(topic, records)),
      (error) => error instanceof StockpipeError && error.code !== 'topic-missing',
    )
    expect(failure).toMatchObject({ code: 'topic-mismatch', mendable: true })
    // What fits goes on, and no connection is torn down for the rest.
    expect(await broker.append(topic, [record('3')])).toMatchObject([{ partition: 0 }])
  }, 30_000)

  test.concurrent('other clients read what is appended: headers, zstd, the time of the log', async () => {
    const topic = await newTopic()
    const headers = { session: 's', seq: '7', 'ü "': '🚀' }
    const before = Date.now()
    const value = Buffer.from('x'.repeat(50_000))
    await broker.append(topic, [record('', { key: 'AAPL', headers, value })])
    // kafkajs knows zstd here for the adapter has taught it; what is in the log says which it is.
    const consumer = thirdParty(brokers).consumer({ groupId: newName() })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const seen: { timestamp?: string; size?: number } = {}
    await consumer.run({
      eachMessage: async ({ message }) => {
        seen.timestamp = message.timestamp
        seen.size = message.value?.length ?? 0
        const names = Object.entries(message.headers ?? {}).map(([name, text]) => [name, String(text)])
        resolve({ key: String(message.key), headers: Object.fromEntries(names) })
      },
    })
    expect(await promise).toEqual({ key: 'AAPL', headers })
    expect(seen.size).toBe(50_000)
    expect(Number(seen.timestamp) - before).toBeGreaterThanOrEqual(-1_000)
    await consumer.disconnect()
    const [found] = await readSome(broker, { topic }, 1)
    expect(found).toMatchObject({ key: 'AAPL', headers, timestamp: Number(seen.timestamp) })
  }, 30_000)
})
