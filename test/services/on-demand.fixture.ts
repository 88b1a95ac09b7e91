/** A test file as others are that need Kafka. Run by services.test.ts. */
import { describe, expect, test } from 'bun:test'

import { isKafka } from './kafka.ts'
import { kafkaForTests } from './services.ts'

const KAFKA = await kafkaForTests()

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(KAFKA === null)('a test file that needs Kafka', () => {
  test('has one', async () => {
    const port = Number(KAFKA?.brokers[0]?.split(':')[1])
    expect(await isKafka(port)).toBe(true)
    console.log(`port=${port}`)
  })
})
