import type { Appended, Assignment, Batch, Bounds, Broker, Commit, NewRecord, TopicSpec } from '../broker.ts'
import { Connection } from './kafka/connection.ts'
import { committedBy, Group } from './kafka/group.ts'
import { TopicProducer } from './kafka/producer.ts'
import { TopicReader } from './kafka/reader.ts'
import { TopicStamp } from './kafka/stamp.ts'
import { boundsOf, createTopic, partitionCount, type TopicAdminOptions } from './kafka/topics.ts'
import type { Stamp } from '../stamp.ts'
import { StockpipeError } from '../../errors.ts'
import type { Health } from '../../telemetry.ts'

export interface KafkaOptions extends TopicAdminOptions {
  health: Health
  /** A group that was joined has shared out its partitions. */
  onRebalance?: () => void
}

/**
 * The log on Kafka (3.x and 4.x), through the protocol layer of kafkajs. Nothing connects before it is needed, and
 * everything connects again by itself: what cannot be done meanwhile throws a retryable or mendable error, or, for
 * those who read, waits and is named on /readyz.
 */
export class KafkaBroker implements Broker {
  readonly #options: KafkaOptions
  readonly #producers = new Map<string, TopicProducer>()
  readonly #readers = new Map<string, TopicReader>()
  readonly #lookers = new Map<string, Connection>()

  constructor(options: KafkaOptions) {
    this.#options = options
  }

  async createTopic(spec: TopicSpec): Promise<number> {
    return createTopic(this.#options, spec)
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    return from(this.#producers, topic, () => new TopicProducer(topic, this.#options)).append(records)
  }

  join(topic: string, group: string, signal: AbortSignal): AsyncIterable<Assignment> {
    const read = (partition: number, offset: number, until: AbortSignal) =>
      this.#reader(topic).read(partition, offset, until)
    return new Group({ ...this.#options, topic, group, read }).join(signal)
  }

  async *read(topic: string, partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch> {
    if (!this.#readers.has(topic) && (await partitionCount(this.#options, topic)) === null)
      throw new StockpipeError('not-found', `Kafka has no topic ${topic}`)
    yield* this.#reader(topic).read(partition, offset, signal)
  }

  async bounds(topic: string): Promise<readonly Bounds[]> {
    return boundsOf(
      from(this.#lookers, topic, () => new Connection(this.#options, [topic])),
      topic,
    )
  }

  /** What a group committed last of each partition. */
  async commits(topic: string, group: string): Promise<readonly (Commit | null)[]> {
    const looker = from(this.#lookers, topic, () => new Connection(this.#options, [topic]))
    return committedBy(looker, topic, group)
  }

  /** The origin that `topic` carries. */
  stamp(topic: string): Stamp {
    return new TopicStamp(this, topic)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const parts = [...this.#producers.values(), ...this.#readers.values(), ...this.#lookers.values()]
    await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()))
  }

  #reader(topic: string): TopicReader {
    const settings = { ...this.#options, bounds: () => this.bounds(topic) }
    return from(this.#readers, topic, () => new TopicReader(topic, settings))
  }
}

function from<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
