import { afterAll, describe, expect, test } from 'bun:test'
import { ConfigResourceTypes } from 'kafkajs'

import { until } from '../../../test/until.ts'
import { startKafka } from '../../../test/services/kafka.ts'
import { canStartServices } from '../../../test/services/services.ts'
import {
  appending,
  appendSurely,
  failureOf,
  Member,
  newName,
  numbers,
  openBroker,
  readAll,
  readSome,
  record,
  textsOf,
  thirdParty,
} from './kafka.fixture.ts'

const kafka = canStartServices() ? await startKafka() : null
afterAll(() => kafka?.stop())

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('when Kafka goes away', () => {
  test('a broker that is killed loses nothing, and gets nothing twice', async () => {
    await using one = openBroker(kafka?.brokers ?? [])
    const topic = newName()
    await one.broker.createTopic({ name: topic, partitions: 1 })
    const work = appending(one.broker, topic)
    await until(work.acked, (acked) => acked > 100)
    await kafka?.kill()
    await Bun.sleep(1_000)
    await kafka?.restart()
    const acked = work.acked()
    await until(work.acked, (now) => now > acked + 100)
    const count = await work.stop()
    expect(textsOf(await readAll(one.broker, topic))).toEqual(numbers(count))
  }, 60_000)

  test('what compaction left of a log is read to its end, over batches that lost records', async () => {
    await using one = openBroker(kafka?.brokers ?? [])
    const admin = thirdParty(kafka?.brokers ?? []).admin()
    await admin.connect()
    const set = (type: ConfigResourceTypes, name: string, entries: Record<string, string>) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          { type, name, configEntries: Object.entries(entries).map(([key, value]) => ({ name: key, value })) },
        ],
      })
    await set(ConfigResourceTypes.BROKER, '1', { 'log.cleaner.backoff.ms': '100' })
    const topic = newName()
    await one.broker.createTopic({ name: topic, partitions: 1, isCompacted: true })
    await set(ConfigResourceTypes.TOPIC, topic, {
      'cleanup.policy': 'compact',
      'segment.bytes': String(1024 * 1024),
      'min.cleanable.dirty.ratio': '0.0001',
    })
    // Three of these and a segment is full.
    const large = () => crypto.getRandomValues(new Uint8Array(600_000))
    const keyed = (key: string, value: Uint8Array = Buffer.from(key)) => record('', { key, value })
    await appendSurely(one.broker, topic, [keyed('a', large()), keyed('gone')])
    // The only batch of its producer: Kafka keeps the shell of it.
    await using other = openBroker(kafka?.brokers ?? [])
    await appendSurely(other.broker, topic, [keyed('gone')])
    for (const key of ['gone', 'b', 'c']) await one.broker.append(topic, [keyed(key, large())])
    const from = async (offset: number, count: number) =>
      (await readSome(one.broker, { topic, offset }, count)).map((found) => found.offset)
    await until(
      () => from(0, 4),
      (offsets) => !offsets.includes(1) && !offsets.includes(2),
    )
    expect(await from(0, 4)).toEqual([0, 3, 4, 5])
    for (const offset of [1, 2, 3]) expect(await from(offset, 1)).toEqual([3])
    await admin.disconnect()
  }, 60_000)

  test('a call that was told to wait finds its records in the log, and does not append them again', async () => {
    await using one = openBroker(kafka?.brokers ?? [])
    const topic = newName()
    await one.broker.createTopic({ name: topic, partitions: 1 })
    await appendSurely(one.broker, topic, [record('first')])
    const records = [record('second')]
    kafka?.pause()
    await Bun.sleep(100)
    const failure = await failureOf(one.broker.append(topic, records))
    kafka?.resume()
    expect(failure).toMatchObject({ code: 'unreachable', retryable: true })
    await using other = openBroker(kafka?.brokers ?? [])
    await until(
      () => other.broker.bounds(topic).catch(() => []),
      ([bounds]) => bounds?.end === 2,
    )
    await Bun.sleep(200)
    expect(await one.broker.append(topic, records)).toMatchObject([{ offset: 1 }])
    // Once told, the same array is a new call.
    expect(await one.broker.append(topic, records)).toMatchObject([{ offset: 2 }])
  }, 60_000)

  test('a broker that hangs loses nothing and gets nothing twice, and a group is lost when its session is', async () => {
    await using one = openBroker(kafka?.brokers ?? [])
    const topic = newName()
    await one.broker.createTopic({ name: topic, partitions: 1 })
    const member = new Member(one.broker, { topic, group: topic })
    await until(
      () => member.partitions.length,
      (owned) => owned === 1,
    )
    const [mine] = member.given
    const work = appending(one.broker, topic)
    await until(work.acked, (acked) => acked > 100)
    kafka?.pause()
    const pausedAt = Date.now()
    await until(
      () => mine?.signal.aborted,
      (isLost) => isLost === true,
    )
    const lostAfter = Date.now() - pausedAt
    kafka?.resume()
    // The coordinator counts 6 s from the last heartbeat, which was at most one second before.
    expect(lostAfter).toBeLessThan(6_100)
    expect(lostAfter).toBeGreaterThan(4_500)
    expect(work.failures.length).toBeGreaterThan(0)
    const acked = work.acked()
    await until(work.acked, (now) => now > acked + 100)
    await until(
      () => member.partitions.length,
      (owned) => owned === 1,
    )
    const count = await work.stop()
    expect(textsOf(await readAll(one.broker, topic))).toEqual(numbers(count))
    await member.leave()
  }, 60_000)

  test('who starts before Kafka waits for it with a reason, and works by itself once it is there', async () => {
    await using before = openBroker(kafka?.brokers ?? [])
    const topic = newName()
    await before.broker.createTopic({ name: topic, partitions: 1 })
    await before.broker.append(topic, [record('before')])
    await kafka?.kill()
    await using one = openBroker(kafka?.brokers ?? [])
    const startedAt = Date.now()
    expect(String(await failureOf(one.broker.createTopic({ name: topic, partitions: 1 })))).toContain(
      `no Kafka broker answers at ${kafka?.brokers[0]}`,
    )
    // A host that does not even refuse takes 3 s.
    expect(Date.now() - startedAt).toBeLessThan(2_500)
    const appended = appendSurely(one.broker, topic, [record('after')])
    const member = new Member(one.broker, { topic, group: topic })
    await until(
      () => one.health.reason('log') ?? '',
      (reason) => reason.includes('no Kafka broker answers'),
    )
    await kafka?.restart()
    await appended
    const mine = await until(
      () => member.owned.get(0),
      (assignment) => assignment !== undefined,
    )
    const seen: (string | null)[] = []
    for await (const { records } of mine?.batches(0) ?? []) {
      seen.push(...textsOf(records))
      if (seen.length >= 2) break
    }
    expect(seen).toEqual(['before', 'after'])
    expect(one.health.reason('log')).toBeNull()
    await member.leave()
  }, 60_000)
})
