import type { Broker, TopicSpec } from './broker.ts'
import { retry } from './retry.ts'
import type { Context } from '../telemetry.ts'

export interface TopicOptions {
  broker: Broker
  topic: string
  partitions: number
  /** How long (ms) and how large (bytes) the log is kept; null: for ever, without a limit. */
  retention: { ms: number | null; bytes: number | null }
}

export const lateTopic = (topic: string): string => `${topic}.late`
export const aggregatesTopic = (topic: string): string => `${topic}.aggregates`
export const deadLetterTopic = (topic: string): string => `${topic}.dead-letter`

/** Where the origin of the data is told. */
export const metaTopic = (topic: string): string => `${topic}.meta`

const AGGREGATES_MS = 24 * 3_600_000

/** Rows as they change: the newest of each is enough. */
export const aggregatesSpec = ({ topic, partitions }: Pick<TopicOptions, 'topic' | 'partitions'>): TopicSpec => ({
  name: aggregatesTopic(topic),
  partitions,
  retentionMs: AGGREGATES_MS,
  isCompacted: true,
})

export const metaSpec = (topic: string): TopicSpec => ({ name: metaTopic(topic), partitions: 1 })

/** The log itself first, then late trades and dead letters. */
export function logSpecs({ topic, partitions, retention }: Omit<TopicOptions, 'broker'>): TopicSpec[] {
  const limits = {
    ...(retention.ms === null ? {} : { retentionMs: retention.ms }),
    ...(retention.bytes === null ? {} : { retentionBytes: retention.bytes }),
  }
  return [topic, lateTopic(topic), deadLetterTopic(topic)].map((name) => ({ name, partitions, ...limits }))
}

/**
 * The topics that both producer and processor need: whoever comes first makes them. Waits for a log that is not there
 * yet; throws what no waiting cures.
 */
export async function ensureTopics(options: TopicOptions & { context: Context }, signal: AbortSignal): Promise<void> {
  const { broker, context } = options
  for (const spec of logSpecs(options)) await retry('log', () => broker.createTopic(spec), { context, signal })
}
