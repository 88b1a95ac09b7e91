import { afterAll, describe, expect, test } from 'bun:test'
import { CompressionCodecs, CompressionTypes, type Transaction } from 'kafkajs'

import { until } from '../../../test/until.ts'
import { kafkaForTests } from '../../../test/services/services.ts'
import { makeTopic } from '../../../test/services/topic.ts'
import { unlz4 } from './kafka/lz4.ts'
import {
  failureOf,
  Member,
  newName,
  openBroker,
  readAll,
  readSome,
  record,
  textsOf,
  thirdParty,
} from './kafka.fixture.ts'
import type { LogRecord } from '../broker.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'

const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('reading from Kafka', () => {
  const { broker, [Symbol.asyncDispose]: close } = openBroker(brokers)
  const admin = thirdParty(brokers).admin()
  const topics: string[] = []
  afterAll(async () => {
    await close()
    const known = new Set(await admin.listTopics())
    await admin.deleteTopics({ topics: topics.filter((topic) => known.has(topic)) })
    await admin.disconnect()
  })
  /** Its client asks for no other topic: kafkajs finds the leader in what it last learned, and that may be of another. */
  const deleteBefore = async (topic: string, offset: number) => {
    const own = thirdParty(brokers).admin()
    await own.connect()
    try {
      await own.fetchTopicOffsets(topic)
      await own.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] })
    } finally {
      await own.disconnect()
    }
  }
  const newTopic = async (configEntries: { name: string; value: string }[] = [], numPartitions = 1) => {
    const topic = newName()
    await admin.connect()
    await makeTopic(admin, { topic, numPartitions, replicationFactor: 1, configEntries })
    topics.push(topic)
    return topic
  }

  test.concurrent.each(['gzip', 'snappy', 'lz4', 'zstd'])('reads what was compressed with %s', async (codec) => {
    const topic = await newTopic([{ name: 'compression.type', value: codec }])
    const texts = Array.from({ length: 3_000 }, (_, at) => `{"s":"BINANCE:BTCUSDT","p":${at * 1.37},"n":${at % 7}}`)
    const noise = crypto.getRandomValues(new Uint8Array(100_000))
    await broker.append(topic, [...texts.map((text) => record(text)), record('', { value: noise }), record('end')])
    const found = await readAll(broker, topic)
    expect(textsOf(found.slice(0, 3_000))).toEqual(texts)
    expect(Buffer.from(found[3_000]?.value ?? []).equals(noise)).toBe(true)
    expect(textsOf(found.slice(3_001))).toEqual(['end'])
  })

  test.concurrent('a clock that is set back does not stop the reading', async () => {
    let setBack = 0
    const clock: Clock = { ...systemClock, now: () => systemClock.now() - setBack }
    await using reader = openBroker(brokers, { clock })
    const topic = await newTopic()
    await broker.append(topic, [record('before')])
    const abort = new AbortController()
    const found: (string | null)[] = []
    for await (const { records } of reader.broker.read(topic, 0, 0, abort.signal)) {
      found.push(...textsOf(records))
      if (found.length === 2) break
      if (setBack > 0) continue
      setBack = 600_000
      await broker.append(topic, [record('after')])
    }
    expect(found).toEqual(['before', 'after'])
  })

  test.concurrent('a topic made anew while it is owned is not read on, though it has as many records', async () => {
    const topic = await newTopic()
    await broker.append(
      topic,
      ['a', 'b', 'c'].map((text) => record(text)),
    )
    await using one = openBroker(brokers)
    const member = new Member(one.broker, { topic, group: topic })
    const mine = await until(
      () => member.owned.get(0),
      (assignment) => assignment !== undefined,
    )
    const seen: (string | null)[] = []
    const reading = (async () => {
      for await (const { records } of mine?.batches(0) ?? []) seen.push(...textsOf(records))
    })()
    const failure = failureOf(reading)
    await until(
      () => seen.length,
      (count) => count === 3,
    )
    await admin.deleteTopics({ topics: [topic] })
    await until(
      () => one.health.reason('log') ?? '',
      (reason) => reason.includes('the topic is not there'),
    )
    await broker.createTopic({ name: topic, partitions: 1 })
    await using other = openBroker(brokers)
    await other.broker.append(
      topic,
      ['A', 'B', 'C', 'D', 'E'].map((text) => record(text)),
    )
    expect(await failure).toMatchObject({ code: 'log-changed' })
    expect(seen).toEqual(['a', 'b', 'c'])
    // The brokers may take a moment to agree that it is there: who reads meanwhile is told once more.
    const found = await until(
      async () => textsOf(await readAll(one.broker, topic).catch(() => [])),
      (texts) => texts.length > 0,
    )
    expect(found).toEqual(['A', 'B', 'C', 'D', 'E'])
    expect(one.health.reason('log')).toBeNull()
    await member.leave()
  }, 30_000)

  test.concurrent.each([1, 3, 5])(
    'a topic made anew with %d partitions instead of 3 has the bounds of those',
    async (count) => {
      const topic = await newTopic([], 3)
      await admin.deleteTopics({ topics: [topic] })
      await until(
        () => broker.bounds(topic).catch(() => null),
        (bounds) => bounds?.length === 0,
      )
      await using other = openBroker(brokers)
      await other.broker.createTopic({ name: topic, partitions: count })
      expect(await broker.bounds(topic)).toHaveLength(count)
    },
  )

  test.concurrent('readers of one partition all get everything, also beside one that waits at the end', async () => {
    const topic = await newTopic()
    await using one = openBroker(brokers)
    await broker.append(topic, [record('0')])
    const abort = new AbortController()
    const read = async (enough: number) => {
      const seen: (string | null)[] = []
      for await (const { records } of one.broker.read(topic, 0, 0, abort.signal)) {
        seen.push(...textsOf(records))
        if (seen.length >= enough) break
      }
      return seen
    }
    const all = [read(50), read(50), read(50)]
    for (let count = 1; count < 50; count++) await broker.append(topic, [record(String(count))])
    const late = read(50)
    for (const seen of await Promise.all([...all, late]))
      expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => String(at)))
    abort.abort()
  })

  test.concurrent('where retention took what was to be read next, it says so and goes on where the log begins', async () => {
    const topic = await newTopic()
    const gone: unknown[] = []
    const log = {
      ...silentLog,
      warn: (event: string, fields?: Record<string, unknown>) => event === 'log.records_gone' && gone.push(fields),
    }
    await using one = openBroker(brokers, { log })
    await broker.append(
      topic,
      ['0', '1', '2', '3', '4'].map((text) => record(text)),
    )
    const abort = new AbortController()
    const batches = one.broker.read(topic, 0, 1, abort.signal)[Symbol.asyncIterator]()
    await deleteBefore(topic, 3)
    const { value } = await batches.next()
    const records: LogRecord[] = value?.records ?? []
    expect(records.map(({ offset }) => offset)).toEqual([3, 4])
    expect(gone).toEqual([expect.objectContaining({ topic, partition: 0, from: 1, to: 3 })])
    abort.abort()
    await batches.return?.()
  })

  test.concurrent('what transactions of others took back is not read, wherever reading begins', async () => {
    const topic = await newTopic()
    const kafkajs = thirdParty(brokers)
    const [one, two] = [newName(), newName()].map((transactionalId) =>
      kafkajs.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 }),
    )
    if (one === undefined || two === undefined) throw new Error('unreachable')
    await Promise.all([one.connect(), two.connect()])
    const [first, second] = [await one.transaction(), await two.transaction()]
    const send = (transaction: Transaction, value: string) =>
      transaction.send({ topic, messages: [{ key: 'k', value, partition: 0 }] })
    for (const value of ['0', '1']) await send(first, value)
    for (const value of ['2', '3', '4']) await send(second, value)
    await first.abort()
    await second.abort()
    const third = await one.transaction()
    await send(third, 'kept')
    await third.commit()
    await Promise.all([one.disconnect(), two.disconnect()])
    for (let offset = 0; offset <= 5; offset++)
      expect(textsOf(await readSome(broker, { topic, offset }, 1))).toEqual(['kept'])
  }, 30_000)

  test('a partition that cannot be read is named and waits; the others go on, and nothing is skipped', async () => {
    const topic = await newTopic([{ name: 'compression.type', value: 'lz4' }], 2)
    const [left, right] = [record('left'.repeat(100)), record('right'.repeat(100), { partition: 1 })]
    await broker.append(topic, [left, right])
    const codecs: Record<number, unknown> = CompressionCodecs
    const codec = codecs[CompressionTypes.LZ4]
    await using one = openBroker(brokers)
    try {
      codecs[CompressionTypes.LZ4] = () => ({
        decompress: async (buffer: Buffer) => {
          const bytes = unlz4(buffer, 1_000)
          if (bytes.includes('left')) throw new Error('this is damaged')
          return bytes
        },
      })
      const waiting = readSome(one.broker, { topic }, 1)
      await until(
        () => one.health.reason('log') ?? '',
        (reason) => reason.includes('its partition 0 is damaged at offset 0'),
      )
      const startedAt = Date.now()
      expect(await readSome(one.broker, { topic, partition: 1 }, 1)).toHaveLength(1)
      expect(Date.now() - startedAt).toBeLessThan(1_000)
      codecs[CompressionTypes.LZ4] = codec
      expect(textsOf(await waiting)).toEqual(['left'.repeat(100)])
      expect(one.health.reason('log')).toBeNull()
    } finally {
      codecs[CompressionTypes.LZ4] = codec
    }
  }, 20_000)
})
