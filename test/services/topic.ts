import type { Admin, ITopicConfig } from 'kafkajs'

import { until } from '../until.ts'

/**
 * A topic whose every partition has a leader. Kafka answers before its brokers know the topic, and kafkajs, told to
 * wait for the leaders, gives up on "does not host this topic-partition".
 */
export async function makeTopic(admin: Admin, spec: ITopicConfig): Promise<void> {
  await admin.createTopics({ topics: [spec], waitForLeaders: false })
  const wanted = spec.numPartitions ?? 1
  await until(
    () => ledPartitions(admin, spec.topic),
    (count) => count >= wanted,
  )
}

async function ledPartitions(admin: Admin, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
  return topics.flatMap(({ partitions }) => partitions.filter(({ leader }) => leader >= 0)).length
}
