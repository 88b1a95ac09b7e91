import type { Outcome } from './outcome.ts'
import { patiently, type Patience } from './patience.ts'
import { planTopics, type TopicState, type TopicWish } from './topics.ts'
import { StockpipeError } from '../errors.ts'
import type { TopicSpec } from '../stream/broker.ts'
import { type KafkaOptions, KafkaBroker } from '../stream/broker/kafka.ts'
import { addPartitions, brokerCount, otherRetention, shapeOf } from '../stream/broker/kafka/topics.ts'
import { aggregatesSpec, logSpecs, metaSpec, type TopicOptions } from '../stream/topics.ts'

export interface TopicsOptions extends Omit<TopicOptions, 'broker'> {
  kafka: KafkaOptions
  /** So many brokers are waited for. */
  brokers: number
}

/** Every topic of the pipeline, the log itself first. */
export const pipelineTopics = (options: Omit<TopicOptions, 'broker'>): TopicSpec[] => [
  ...logSpecs(options),
  aggregatesSpec(options),
  metaSpec(options.topic),
]

/** What is there, beside what should be. Changes nothing. */
async function topicWish({ kafka, ...options }: TopicsOptions): Promise<TopicWish> {
  const states: TopicState[] = []
  for (const spec of pipelineTopics(options)) states.push({ spec, found: await shapeOf(kafka, spec.name) })
  return { states, replicas: kafka.replication, isUnused: await isUnused({ kafka, ...options }) }
}

/**
 * Makes what is missing, waiting for Kafka. `kept`: nothing was made, and something is not as it is wished, which was
 * told. Throws what must not be done.
 */
export async function setUpTopics(options: TopicsOptions, patience: Patience): Promise<Outcome> {
  const { kafka } = options
  await patiently(() => enoughBrokers(options), patience)
  const { make, raise, refused } = planTopics(await patiently(() => topicWish(options), patience))
  if (refused !== null) throw refused
  await using broker = new KafkaBroker(kafka)
  for (const spec of make) {
    await patiently(() => broker.createTopic(spec), patience)
    patience.say(`topic ${spec.name} made, ${spec.partitions} partitions`)
  }
  for (const { name, partitions } of raise) {
    await addPartitions(kafka, name, partitions)
    patience.say(`topic ${name} has ${partitions} partitions now`)
  }
  if (raise.length > 0 && !(await patiently(() => isUnused(options), patience))) throw writtenMeanwhile(options.topic)
  const isKept = await tellRetention(options, patience)
  if (make.length + raise.length > 0) return 'changed'
  return isKept ? 'kept' : 'complete'
}

/** Retention is never changed here: less of it deletes records at once, as smaller segments do of what is overdue. */
async function tellRetention({ kafka, ...options }: TopicsOptions, patience: Patience): Promise<boolean> {
  let isKept = false
  for (const spec of pipelineTopics(options)) {
    const others = await patiently(() => otherRetention(kafka, spec), patience)
    if (others.length === 0) continue
    isKept = true
    patience.say(
      `topic ${spec.name} keeps ${others.map(({ name, kept, wished }) => `${name} ${kept} where ${wished} is wished`).join(', ')}: ` +
        'setting it may delete records, so it is yours to do: ' +
        `kafka-configs.sh --alter --entity-type topics --entity-name ${spec.name} ` +
        `--add-config ${others.map(({ name, wished }) => `${name}=${wished}`).join(',')}`,
    )
  }
  return isKept
}

/** Throws what may pass while fewer are up. */
export async function enoughBrokers({ kafka, brokers }: Pick<TopicsOptions, 'kafka' | 'brokers'>): Promise<void> {
  const up = await brokerCount(kafka)
  if (up >= brokers) return
  throw new StockpipeError('unreachable', `${up} of ${brokers} Kafka brokers are up`, {
    hint: 'wait until all are, or correct --nodes',
    retryable: true,
  })
}

/** A producer tells the origin of its data before its first record. */
async function isUnused({ kafka, topic }: TopicsOptions): Promise<boolean> {
  await using broker = new KafkaBroker(kafka)
  const bounds = await broker.bounds(topic)
  return bounds.every(({ end }) => end === 0) && (await broker.stamp(topic).read()) === null
}

const writtenMeanwhile = (topic: string): StockpipeError =>
  new StockpipeError('topic-mismatch', `topic ${topic} was written to while it got more partitions`, {
    why: 'a producer was started at the same time: some symbols may lie in two partitions',
    hint: 'stop the roles, delete the topics of the pipeline, and run this again',
  })
