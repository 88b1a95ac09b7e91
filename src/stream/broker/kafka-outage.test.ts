import { afterAll, describe, expect, test } from 'bun:test'

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
  record,
  textsOf,
} from './kafka.fixture.ts'

const kafka = canStartServices() ? await startKafka() : null
afterAll(() => kafka?.stop())

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
    // The coordinator counts 10 s from the last heartbeat, which was at most one second before.
    expect(lostAfter).toBeLessThan(10_100)
    expect(lostAfter).toBeGreaterThan(8_500)
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
})
