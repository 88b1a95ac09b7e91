import { StockpipeError } from '../errors.ts'
import type { TopicSpec } from '../stream/broker.ts'
import type { TopicShape } from '../stream/broker/kafka/topics.ts'

/** A topic as it is, and as it should be. */
export interface TopicState {
  spec: TopicSpec
  /** Null where there is none. */
  found: TopicShape | null
}

export interface TopicWish {
  /** The log itself first. */
  states: readonly TopicState[]
  /** Replicas that topics should have; null: as many as they have. */
  replicas: number | null
  /** False where a producer was there already, or a record is or was in the log. */
  isUnused: boolean
}

export interface TopicPlan {
  make: readonly TopicSpec[]
  /** Topics that get more partitions. */
  raise: readonly TopicSpec[]
  /** What is wished and must not be done; then nothing is done. */
  refused: StockpipeError | null
}

/** What there is to do. Partitions are never fewer than before, and more only where no symbol can lose its history by it. */
export function planTopics({ states, replicas, isUnused }: TopicWish): TopicPlan {
  const log = states[0]?.spec.name ?? ''
  const present = states.flatMap(({ spec, found }) => (found === null ? [] : [{ spec, found }]))
  const raise = present.filter(({ spec, found }) => spec.partitions > found.partitions)
  const [few] = present.filter(({ spec, found }) => spec.partitions < found.partitions)
  const [bare] = present.filter(({ found }) => found.replicas < (replicas ?? 0))
  const [more] = isUnused ? [] : raise
  const refused =
    (few && tooFew(few)) ?? (more && tornHistory(log, more)) ?? (bare && fixedReplicas(bare, replicas ?? 0)) ?? null
  return {
    make: states.filter(({ found }) => found === null).map(({ spec }) => spec),
    raise: raise.map(({ spec }) => spec),
    refused,
  }
}

interface Present {
  spec: TopicSpec
  found: TopicShape
}

/** Every process computes the partition of a symbol from the count it was told: going on with another one is no choice. */
const tooFew = ({ spec, found }: Present): StockpipeError =>
  new StockpipeError('topic-mismatch', `topic ${spec.name} keeps its ${found.partitions} partitions`, {
    why: `Kafka cannot make them fewer, and roles that are told ${spec.partitions} would not work on it`,
    hint: `set --partitions ${found.partitions}; nothing was changed`,
  })

const tornHistory = (log: string, { spec, found }: Present): StockpipeError =>
  new StockpipeError('topic-mismatch', `topic ${spec.name} keeps its ${found.partitions} partitions`, {
    why:
      `${log} is in use: with ${spec.partitions} most symbols would move to another partition, their open windows and candles, up to ` +
      'that of the day, would be summed by two owners that each know a part, and records sent again would count twice',
    hint:
      `set --partitions ${found.partitions}; for more begin a new log and store beside the old ones ` +
      `(--kafka-topic ${log}2 --cassandra-keyspace ...2); nothing was changed`,
  })

const fixedReplicas = ({ spec, found }: Present, wished: number): StockpipeError =>
  new StockpipeError('topic-mismatch', `topic ${spec.name} has ${found.replicas} of ${wished} wished replicas`, {
    why: 'replicas are placed when a topic is made; more of them is a move of data that stockpipe does not do',
    hint:
      `reassign its partitions with Kafka's own kafka-reassign-partitions.sh, set --kafka-replication ${found.replicas}, ` +
      'or begin with a new --kafka-topic; nothing was changed',
  })
