/** A process that uses every part of the adapter, is idle for a while, and closes it: then nothing may keep it alive. */
import { Member, newName, openBroker, record } from './kafka.fixture.ts'

const [brokers = '', idleMs = '0', mode = 'there'] = process.argv.slice(2)
const PARTITIONS = 12

const { broker, health } = openBroker(brokers.split(','))
const topic = newName()
const abort = new AbortController()
const records = Array.from({ length: PARTITIONS }, (_, partition) => record('1', { partition }))
let batches = 0

async function follow(partition: number): Promise<void> {
  for await (const _batch of broker.read(topic, partition, 0, abort.signal)) batches++
}

let member: Member
if (mode === 'there') {
  await broker.createTopic({ name: topic, partitions: PARTITIONS })
  await broker.append(topic, records)
  member = new Member(broker, { topic, group: topic })
  while (member.partitions.length < PARTITIONS) await Bun.sleep(10)
} else {
  // Nobody is there: everything is under way when it is closed.
  broker.append(topic, records).catch(() => {})
  broker.bounds(topic).catch(() => {})
  member = new Member(broker, { topic, group: topic })
  await Bun.sleep(500)
}
const followed = Array.from({ length: PARTITIONS }, (_, partition) => follow(partition).catch(() => {}))
if (mode === 'there') await Bun.sleep(1_000)
const from = process.cpuUsage()
const batchesBefore = batches
await Bun.sleep(Number(idleMs))
const { user, system } = process.cpuUsage(from)
const fetched = batches - batchesBefore

const closingAt = Date.now()
abort.abort()
await member.leave()
await broker[Symbol.asyncDispose]()
await Promise.all(followed)
console.log(
  JSON.stringify({
    cpuMs: (user + system) / 1_000,
    fetched,
    closeMs: Date.now() - closingAt,
    closedAt: Date.now(),
    reason: health.reason('log'),
    topic,
  }),
)
