import { afterAll, describe, expect, test } from 'bun:test'

import { until } from '../../../test/until.ts'
import { kafkaForTests } from '../../../test/services/services.ts'
import { Member, newName, openBroker, thirdParty, type OpenedBroker } from './kafka.fixture.ts'

const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []

describe.skipIf(kafka === null)('a group on Kafka', () => {
  const opened: OpenedBroker[] = []
  const topics: string[] = []
  afterAll(async () => {
    for (const one of opened) await one[Symbol.asyncDispose]()
    const admin = thirdParty(brokers).admin()
    await admin.connect()
    await admin.deleteTopics({ topics })
    await admin.disconnect()
  })
  const open = (): OpenedBroker => {
    const one = openBroker(brokers)
    opened.push(one)
    return one
  }
  const newTopic = async (partitions: number): Promise<string> => {
    const topic = newName()
    await open().broker.createTopic({ name: topic, partitions })
    topics.push(topic)
    return topic
  }

  test.concurrent('who is told to stop while it waits to join is gone at once, and is not waited for', async () => {
    const topic = await newTopic(2)
    const first = new Member(open().broker, { topic, group: topic })
    await until(
      () => first.partitions.length,
      (count) => count === 2,
    )
    // The first one does not hand over, so this one waits.
    const second = new Member(open().broker, { topic, group: topic })
    await Bun.sleep(600)
    const startedAt = Date.now()
    await second.leave()
    expect(Date.now() - startedAt).toBeLessThan(1_500)
    for (const assignment of first.given) assignment[Symbol.dispose]()
    const gaveUpAt = Date.now()
    await until(
      () => first.partitions.length === 2 && first.given.length > 2,
      (isBack) => isBack,
    )
    expect(Date.now() - gaveUpAt).toBeLessThan(5_000)
    await first.leave()
  }, 30_000)
})
