import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { kafkaOptions } from '../../servers.ts'
import { Connection } from '../../stream/broker/kafka/connection.ts'
import { findCoordinator } from '../../stream/broker/kafka/coordinator.ts'
import { typeOf } from '../../stream/broker/kafka/failure.ts'
import type { Cluster } from '../../stream/broker/kafka/internals.ts'
import { aggregatesTopic, deadLetterTopic, lateTopic } from '../../stream/topics.ts'
import { Health, silentLog } from '../../telemetry.ts'
import { failed, fail, type Finding, ok, warn } from '../../finding.ts'
import { within } from './patience.ts'

const PATIENCE_MS = 5_000
const ASK_AGAIN_MS = 300

/** Login, every broker, topic and group. Changes nothing, prints no password. */
export async function checkKafka(settings: Settings): Promise<Finding[]> {
  try {
    const options = kafkaOptions(settings, { clock: systemClock, log: silentLog, health: new Health() })
    await using connection = new Connection(options)
    return await visit(connection, settings)
  } catch (error) {
    return [failed('kafka', error)]
  }
}

/** Where no broker can be used the rest cannot be asked; otherwise each check speaks for itself. */
async function visit(connection: Connection, settings: Settings): Promise<Finding[]> {
  const ask = (check: string, doing: string, work: (cluster: Cluster) => Promise<Finding>) =>
    within(PATIENCE_MS, connection.use(doing, work)).catch((error: unknown) => failed(check, error))
  const first = await ask('kafka', 'use Kafka', (cluster) => brokers(cluster, settings))
  if (first.state === 'fail') return [first]
  const { kafkaTopic, kafkaGroup, role } = settings
  const found = [first]
  for (const name of [kafkaTopic, lateTopic(kafkaTopic), deadLetterTopic(kafkaTopic), aggregatesTopic(kafkaTopic)]) {
    const finding = await ask('topic', `look at topic ${name}`, (cluster) => topic(cluster, name, settings))
    // Of those beside it only what is wrong is news.
    if (name === kafkaTopic || finding.state === 'fail') found.push(finding)
    if (finding.state === 'fail') break
  }
  if (role.includes('processor'))
    found.push(await ask('group', `look at group ${kafkaGroup}`, (cluster) => group(cluster, settings)))
  return found
}

/** Those that the bootstrap addresses lead to may have names that only they know. */
async function brokers(cluster: Cluster, { kafkaSaslUsername: user }: Settings): Promise<Finding> {
  const ids = cluster.getNodeIds()
  await Promise.all(ids.map((nodeId) => cluster.findBroker({ nodeId })))
  const login = user === null ? 'without a login' : `logged in as ${user}`
  return ok('kafka', `${login}, ${ids.length} of ${ids.length} brokers answer`)
}

async function topic(cluster: Cluster, name: string, { partitions: wanted }: Settings): Promise<Finding> {
  const partitions = await partitionsOf(cluster, name)
  if (partitions === null) return warn('topic', `${name} is not there yet`, 'nothing: the first start makes it')
  const count = partitions.length
  const words = `${name} has ${count} ${count === 1 ? 'partition' : 'partitions'}`
  if (count !== wanted)
    return fail('topic', `${words}, not ${wanted}`, `set --partitions ${count}, or another --kafka-topic`)
  const leaderless = partitions.filter(({ leader }) => leader < 0).length
  if (leaderless > 0)
    return fail('topic', `${words}, ${leaderless} without a leader`, 'start the brokers that keep them')
  const lagging = partitions.filter(({ replicas, isr }) => isr.length < replicas.length).length
  if (lagging > 0)
    return warn(
      'topic',
      `${words}, ${lagging} of them with replicas that are not in sync`,
      'start the brokers that keep them',
    )
  const replicas = Math.min(...partitions.map(({ replicas }) => replicas.length))
  if (replicas === 1 && cluster.getNodeIds().length > 1)
    return warn(
      'topic',
      `${words}, with one replica: one broker down stops it`,
      'raise its replicas (kafka-reassign-partitions)',
    )
  return ok('topic', `${words}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`)
}

async function partitionsOf(cluster: Cluster, topic: string) {
  const [nodeId = ''] = cluster.getNodeIds()
  const node = await cluster.findBroker({ nodeId })
  try {
    const { topicMetadata } = await node.metadata([topic])
    return topicMetadata[0]?.partitionMetadata ?? null
  } catch (error) {
    if (typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null
    throw error
  }
}

async function group(cluster: Cluster, { kafkaGroup: name }: Settings): Promise<Finding> {
  const coordinator = await coordinatorOf(cluster, name)
  const { groups } = await coordinator.describeGroups({ groupIds: [name] })
  const members = groups[0]?.members.length ?? 0
  const protocol = groups[0]?.protocol ?? ''
  if (members > 0 && protocol !== '' && protocol !== 'stockpipe')
    return fail('group', `${name} is used by another program`, 'choose a group of its own by --kafka-group')
  return ok('group', members === 0 ? `${name} has no members now` : `${name} has ${members} running`)
}

/** A new cluster makes its topic for groups when it is first asked for one. */
async function coordinatorOf(cluster: Cluster, name: string) {
  const until = systemClock.now() + PATIENCE_MS - 2 * ASK_AGAIN_MS
  for (;;)
    try {
      return await findCoordinator(cluster, name)
    } catch (error) {
      if (typeOf(error) !== 'GROUP_COORDINATOR_NOT_AVAILABLE' || systemClock.now() > until) throw error
      await systemClock.sleep(ASK_AGAIN_MS)
    }
}
