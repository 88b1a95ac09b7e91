/** `bun test/services/up.ts`: real Kafka and Cassandra for a person, empty, until Ctrl-C. */
import { CASSANDRA_DATACENTER, startCassandra } from './cassandra.ts'
import { startKafka } from './kafka.ts'
import { CASSANDRA_VARIABLE, KAFKA_VARIABLE } from './shared.ts'

const interrupted = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted.resolve())

console.warn('Starting Kafka and Cassandra ...')
await using kafka = await startKafka({ isForLoad: true })
await using cassandra = await startCassandra({ commitlogSync: 'group', isForLoad: true })
const brokers = kafka.brokers.join()
const [host] = cassandra.contactPoints

console.log(`
# Variables of \`stockpipe run\`:
export STOCKPIPE_KAFKA_BROKERS=${brokers}
export STOCKPIPE_CASSANDRA_CONTACT_POINTS=${host}
export STOCKPIPE_CASSANDRA_PORT=${cassandra.port}
export STOCKPIPE_CASSANDRA_DATACENTER=${CASSANDRA_DATACENTER}

# Before a test command, to use these servers:
# ${KAFKA_VARIABLE}=${brokers} ${CASSANDRA_VARIABLE}=${host}:${cassandra.port}
`)
console.warn('They run, and their data stays, until Ctrl-C.')
await interrupted.promise
