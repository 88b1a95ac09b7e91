import type { Broker } from './broker.ts'
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

/**
 * Every topic of the pipeline. Producer and processor both call this: whoever comes first makes them. Waits for a log
 * that is not there yet; throws what no waiting cures.
 */
export async function ensureTopics(options: TopicOptions & { context: Context }, signal: AbortSignal): Promise<void> {
  const { broker, topic, partitions, retention, context } = options
  const limits = {
    ...(retention.ms === null ? {} : { retentionMs: retention.ms }),
    ...(retention.bytes === null ? {} : { retentionBytes: retention.bytes }),
  }
  for (const name of [topic, lateTopic(topic), deadLetterTopic(topic)])
    await retry('log', () => broker.createTopic({ name, partitions, ...limits }), { context, signal })
}
