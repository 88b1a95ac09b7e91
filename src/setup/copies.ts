import { enoughBrokers, pipelineTopics, type TopicsOptions } from './set-up-topics.ts'
import { StockpipeError } from '../errors.ts'
import { partitionsBehind } from '../stream/broker/kafka/topics.ts'

/** Whether the log would outlive a broker: throws what may pass while one is away, or a copy of a topic is behind. */
export async function copiesInStep(options: TopicsOptions): Promise<void> {
  await enoughBrokers(options)
  const behind: string[] = []
  for (const { name } of pipelineTopics(options)) {
    const partitions = await partitionsBehind(options.kafka, name)
    if (partitions.length > 0) behind.push(`${name} ${partitions.join(', ')}`)
  }
  if (behind.length === 0) return
  throw new StockpipeError('not-ready', `copies are behind or away: partitions ${behind.join('; ')}`, {
    retryable: true,
  })
}
