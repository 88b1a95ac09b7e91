import { Connection, type ConnectionSettings } from './connection.ts'
import { toStockpipeError, typeOf } from './failure.ts'
import { createErrorFromCode, LEADER_NOT_AVAILABLE } from './internals.ts'
import type { Bounds, TopicSpec } from '../../broker.ts'
import type { Clock } from '../../../clock.ts'
import { StockpipeError } from '../../../errors.ts'

export interface TopicAdminOptions extends ConnectionSettings {
  clock: Clock
  /** Replicas of a new topic; null: min(3, brokers). */
  replication: number | null
}

const CREATE_MS = 10_000
const LEADER_WAIT_MS = 50
const LEADER_MS = 10_000

/** How a topic is laid out. */
export interface TopicShape {
  partitions: number
  /** Of the partition that has the fewest. */
  replicas: number
}

/** Null where there is no such topic. */
export async function shapeOf(settings: ConnectionSettings, topic: string): Promise<TopicShape | null> {
  await using connection = new Connection(settings, [topic])
  try {
    return await connection.raw(async (cluster) => {
      const found = cluster.findTopicPartitionMetadata(topic)
      return { partitions: found.length, replicas: Math.min(...found.map(({ replicas }) => replicas.length)) }
    })
  } catch (error) {
    if (typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null
    throw toStockpipeError(error, `look at topic ${topic}`)
  }
}

/** The partition count of a topic, or null where there is no such topic. */
export const partitionCount = async (settings: ConnectionSettings, topic: string): Promise<number | null> =>
  (await shapeOf(settings, topic))?.partitions ?? null

/** Partitions of a topic of which a copy is behind or away; none where there is no such topic, or we may not see it. */
export async function partitionsBehind(settings: ConnectionSettings, topic: string): Promise<readonly number[]> {
  await using connection = new Connection(settings, [topic])
  try {
    return await connection.raw(async (cluster) => {
      const found = cluster.findTopicPartitionMetadata(topic)
      return found.filter(({ replicas, isr }) => isr.length < replicas.length).map(({ partitionId }) => partitionId)
    })
  } catch (error) {
    if (UNSEEN.includes(typeOf(error) ?? '')) return []
    throw toStockpipeError(error, `look at the copies of topic ${topic}`)
  }
}
const UNSEEN: readonly string[] = ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED']

/**
 * What a topic keeps, and in segments of which size, where it is not as `spec` wants it; nothing where the broker does not let us
 * look.
 */
export async function otherRetention(settings: ConnectionSettings, spec: TopicSpec): Promise<readonly Kept[]> {
  const wished = configOf(spec).filter(({ name }) => /^(retention|segment)\./.test(name))
  if (wished.length === 0) return []
  await using connection = new Connection(settings)
  try {
    return await connection.raw(async (cluster) => {
      const controller = await cluster.findControllerBroker()
      const configNames = wished.map(({ name }) => name)
      const { resources } = await controller.describeConfigs({
        resources: [{ type: TOPIC, name: spec.name, configNames }],
      })
      const found = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]))
      return wished.flatMap(({ name, value }) => {
        const kept = found.get(name) ?? null
        return kept === null || kept === value ? [] : [{ name, kept, wished: value }]
      })
    })
  } catch (error) {
    if (typeOf(error) === 'TOPIC_AUTHORIZATION_FAILED') return []
    throw toStockpipeError(error, `look at the retention of ${spec.name}`)
  }
}
const TOPIC = 2

export interface Kept {
  /** As Kafka calls it. */
  name: string
  kept: string
  wished: string
}

/** How many brokers are up. */
export async function brokerCount(settings: ConnectionSettings): Promise<number> {
  await using connection = new Connection(settings)
  return await connection.use('look at the brokers', async (cluster) => cluster.getNodeIds().length)
}

/** Raises the count to `partitions`. Keys move to other partitions: only for a topic in which there never was a record. */
export async function addPartitions(settings: ConnectionSettings, topic: string, partitions: number): Promise<void> {
  await using connection = new Connection(settings)
  await connection.use(`add partitions to topic ${topic}`, async (cluster) => {
    const controller = await cluster.findControllerBroker()
    await controller.createPartitions({ topicPartitions: [{ topic, count: partitions }], timeout: CREATE_MS })
  })
}

/**
 * Makes the topic where it is missing, and resolves to its partition count. Retention and the rest are set at creation
 * only: later changes made by hand stay.
 */
export async function createTopic(options: TopicAdminOptions, spec: TopicSpec): Promise<number> {
  const found = await partitionCount(options, spec.name)
  if (found === null) await makeTopic(options, spec)
  const count = found ?? (await ledTopic(options, spec.name))
  if (count !== spec.partitions) throw topicMismatch(spec, count)
  return count
}

/** First and next offset of every partition; none for a topic that is not there. Leaders that moved are looked for anew. */
export async function boundsOf(connection: Connection, topic: string): Promise<readonly Bounds[]> {
  try {
    return await connection.raw(async (cluster) => {
      // Asked seldom: the topic may have been made anew, and leaders may have moved.
      await cluster.refreshMetadata()
      const found = cluster.findTopicPartitionMetadata(topic)
      if (found.some(({ leader }) => leader < 0)) throw createErrorFromCode(LEADER_NOT_AVAILABLE)
      const partitions = found.map(({ partitionId }) => ({ partition: partitionId }))
      const offsets = async (fromBeginning: boolean) => {
        const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }])
        return new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
      }
      const [starts, ends] = await Promise.all([offsets(true), offsets(false)])
      return partitions
        .sort((a, b) => a.partition - b.partition)
        .map(({ partition }) => ({ start: starts.get(partition) ?? 0, end: ends.get(partition) ?? 0 }))
    })
  } catch (error) {
    if (typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return []
    throw toStockpipeError(error, `ask for the offsets of ${topic}`)
  }
}

async function makeTopic(options: TopicAdminOptions, spec: TopicSpec): Promise<void> {
  await using connection = new Connection(options)
  try {
    await connection.raw(async (cluster) => {
      const replicationFactor = options.replication ?? Math.min(3, cluster.getNodeIds().length)
      const controller = await cluster.findControllerBroker()
      await controller.createTopics({
        topics: [
          { topic: spec.name, numPartitions: spec.partitions, replicationFactor, configEntries: configOf(spec) },
        ],
        timeout: CREATE_MS,
      })
    })
  } catch (error) {
    // Another process was quicker.
    if (typeOf(error) !== 'TOPIC_ALREADY_EXISTS') throw toStockpipeError(error, `create topic ${spec.name}`)
  }
}

/** `ingested_ts` is the log's time, so the broker stamps. Its size limit is for each partition, ours for the topic. */
function configOf(spec: TopicSpec): { name: string; value: string }[] {
  const { partitions, retentionMs, retentionBytes, isCompacted } = spec
  const bytes = retentionBytes === undefined ? -1 : Math.ceil(retentionBytes / partitions)
  return [
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
    ...(isCompacted && retentionMs === undefined
      ? [{ name: 'cleanup.policy', value: 'compact' }]
      : [
          { name: 'cleanup.policy', value: isCompacted ? 'compact,delete' : 'delete' },
          { name: 'retention.ms', value: String(retentionMs ?? -1) },
          { name: 'retention.bytes', value: String(bytes) },
        ]),
    ...segments(spec, bytes),
  ]
}

/** So much of what a topic keeps lies in a segment that is open. */
const SHARE = 1 / 6
/** Files should be few, and Kafka as a service may refuse less. */
const LEAST_MS = 14_400_000
const LEAST_BYTES = 52_428_800
/** As Kafka's own. */
const MOST_MS = 604_800_000
const MOST_BYTES = 1_073_741_824

/**
 * Kafka removes and compacts segments that are closed, by default after 1 GiB or a week: of small partitions it would keep many
 * times what they are allowed.
 */
function segments({ retentionMs, isCompacted }: TopicSpec, bytes: number) {
  const size =
    bytes >= 0 ? Math.min(Math.max(LEAST_BYTES, bytes * SHARE), MOST_BYTES) : isCompacted ? LEAST_BYTES : null
  const ms = retentionMs === undefined ? null : Math.min(Math.max(LEAST_MS, retentionMs * SHARE), MOST_MS)
  return [
    ...(ms === null ? [] : [{ name: 'segment.ms', value: String(Math.round(ms)) }]),
    ...(size === null ? [] : [{ name: 'segment.bytes', value: String(Math.round(size)) }]),
  ]
}

/** A new topic is announced before its partitions have leaders, and before the leaders know that they are. */
async function ledTopic(options: TopicAdminOptions, topic: string): Promise<number> {
  const until = options.clock.now() + LEADER_MS
  for (;;) {
    await using connection = new Connection(options, [topic])
    try {
      const { length } = await boundsOf(connection, topic)
      if (length > 0) return length
    } catch (error) {
      if (!(error instanceof StockpipeError && error.retryable) || options.clock.now() > until) throw error
    }
    if (options.clock.now() > until) throw notYetLed(topic)
    await options.clock.sleep(LEADER_WAIT_MS)
  }
}

const notYetLed = (topic: string): StockpipeError =>
  new StockpipeError('unreachable', `topic ${topic} has no leader yet`, {
    why: 'brokers are starting or stopping',
    hint: 'wait until every broker is up',
    retryable: true,
  })

const topicMismatch = ({ name, partitions }: TopicSpec, found: number): StockpipeError =>
  new StockpipeError('topic-mismatch', `topic ${name} has ${found} partitions, not ${partitions}`, {
    why: 'with another count symbols would move to other partitions, and their history would be torn',
    hint: `run with --partitions ${found}, or with another --kafka-topic`,
    mendable: true,
  })
