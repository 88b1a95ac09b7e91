import { brokerContract } from '../broker.contract.ts'
import { KafkaBroker } from './kafka.ts'
import { systemClock } from '../../clock.ts'
import { Health, silentLog } from '../../telemetry.ts'

const brokers = (process.env['STOCKPIPE_TEST_KAFKA'] ?? '127.0.0.1:19092').split(',')

const open = (): KafkaBroker =>
  new KafkaBroker({
    brokers,
    tls: null,
    sasl: null,
    replication: null,
    clock: systemClock,
    log: silentLog,
    health: new Health(),
  })

brokerContract('Kafka', async () => {
  const opened = [open()]
  return {
    broker: opened[0] ?? open(),
    async connect() {
      const another = open()
      opened.push(another)
      return another
    },
    async close() {
      for (const broker of opened) await broker[Symbol.asyncDispose]()
    },
  }
})
