import { afterAll, describe, expect, test } from 'bun:test'
import { ConfigResourceTypes } from 'kafkajs'

import { kafkaForTests } from '../../../../test/services/services.ts'
import { newName, openBroker, thirdParty } from '../kafka.fixture.ts'

const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('the origin of a topic', () => {
  const topic = newName()
  const admin = thirdParty(brokers).admin()
  afterAll(async () => {
    await admin.deleteTopics({ topics: [`${topic}.meta`] })
    await admin.disconnect()
  })

  test('is what was claimed first, for all who claim at once, and for good', async () => {
    await using one = openBroker(brokers)
    await using two = openBroker(brokers)
    expect(await one.broker.stamp(topic).read()).toBeNull()
    const claims = await Promise.all([
      one.broker.stamp(topic).claim('live'),
      two.broker.stamp(topic).claim('simulated'),
      one.broker.stamp(topic).claim('live'),
    ])
    expect(new Set(claims).size).toBe(1)
    expect(await two.broker.stamp(topic).read()).toBe(claims[0])
    // Compaction would keep the last claim instead, retention none.
    await admin.connect()
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: `${topic}.meta` }],
    })
    const configs = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]))
    expect(configs.get('cleanup.policy')).toBe('delete')
    expect(configs.get('retention.ms')).toBe('-1')
    expect(configs.get('retention.bytes')).toBe('-1')
  }, 20_000)
})
