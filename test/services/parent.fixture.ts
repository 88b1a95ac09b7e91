/** A process that starts a Kafka, tells about it and then does nothing, to be killed. */
import { startKafka } from './kafka.ts'

await using kafka = await startKafka()
console.log(JSON.stringify({ pid: kafka.pids[0], brokers: kafka.brokers }))
await Promise.withResolvers<void>().promise
