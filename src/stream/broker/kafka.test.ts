import { describe } from 'bun:test'

import { kafkaForTests } from '../../../test/services/services.ts'
import { brokerContract } from '../broker.contract.ts'
import { KafkaBroker } from './kafka.ts'
import { systemClock } from '../../clock.ts'
import { Health, silentLog } from '../../telemetry.ts'

const kafka = await kafkaForTests()

const open = (): KafkaBroker =>
  new KafkaBroker({
    brokers: kafka?.brokers ?? [],
    tls: null,
    sasl: null,
    replication: null,
    clock: systemClock,
    log: silentLog,
    health: new Health(),
  })

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('on a real broker', () => {
  brokerContract('Kafka', async () => {
    const opened: KafkaBroker[] = []
    const connect = () => {
      const broker = open()
      opened.push(broker)
      return broker
    }
    return {
      broker: connect(),
      connect: async () => connect(),
      async close() {
        for (const broker of opened) await broker[Symbol.asyncDispose]()
      },
    }
  })
})
