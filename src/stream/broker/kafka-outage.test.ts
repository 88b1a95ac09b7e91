import { afterAll, describe, expect, test } from 'bun:test'

import { until } from '../../../test/until.ts'
import { startKafka } from '../../../test/services/kafka.ts'
import { canStartServices } from '../../../test/services/services.ts'
import { appendSurely, Member, newName, openBroker, readAll, record, textsOf } from './kafka.fixture.ts'
import type { Broker } from '../broker.ts'

const kafka = canStartServices() ? await startKafka() : null
afterAll(() => kafka?.stop())

/** Appends numbers to one partition, several calls at a time, until it is told to stop. Resolves to how many there are. */
function appending(broker: Broker, topic: string) {
  let isStopped = false
  let count = 0
  let acked = 0
  const failures: unknown[] = []
  const worker = async () => {
    while (!isStopped) {
      const records = [record(String(count++)), record(String(count++))]
      failures.push(...(await appendSurely(broker, topic, records)).failures)
      acked += records.length
      await Bun.sleep(5)
    }
  }
  const workers = Promise.all([worker(), worker(), worker()])
  return {
    failures,
    acked: () => acked,
    async stop() {
      isStopped = true
      await workers
      return count
    },
  }
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index))

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
