import type { Kafka, Producer } from 'kafkajs'

import { partitionOf } from '../stream/broker/partitioner.ts'
import type { Broker, NewRecord } from '../stream/broker.ts'

/** A way to append to a topic and to read it whole. */
export interface LogSubject {
  /** Resolves when the log has acknowledged all of them. */
  append(records: readonly NewRecord[]): Promise<void>
  /** Reads `count` records from the beginning; resolves to the seconds from the first to the last of them. */
  read(count: number, signal: AbortSignal): Promise<number>
}

interface Where {
  topic: string
  partitions: number
}

/** Through the contract that the pipeline uses. */
export const ofBroker = (broker: Broker, { topic, partitions }: Where): LogSubject => ({
  async append(records) {
    await broker.append(topic, records)
  },
  read: (count, signal) =>
    countTo(count, signal, async (counted, stop) => {
      const reading = Array.from({ length: partitions }, async (_, partition) => {
        for await (const { records } of broker.read(topic, partition, 0, stop)) counted(records.length)
      })
      await Promise.all(reading)
    }),
})

/** What the library does when it is called as its documentation shows. */
export const ofKafkajs = (kafka: Kafka, producer: Producer, { topic, partitions }: Where): LogSubject => ({
  async append(records) {
    const messages = records.map(({ key, value, headers }) => ({
      key,
      partition: partitionOf(key ?? '', partitions),
      value: value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      headers,
    }))
    await producer.send({ topic, acks: -1, messages })
  },
  read: (count, signal) =>
    countTo(count, signal, async (counted, stop) => {
      const consumer = kafka.consumer({ groupId: topic, minBytes: 1, maxWaitTimeInMs: 100 })
      try {
        await consumer.connect()
        await consumer.subscribe({ topic, fromBeginning: true })
        await consumer.run({
          autoCommit: false,
          partitionsConsumedConcurrently: partitions,
          eachBatch: async ({ batch }) => counted(batch.messages.length),
        })
        await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }))
      } finally {
        await consumer.disconnect()
      }
    }),
})

/** Runs `read` until it has counted so many; what comes before the first record does not count. */
async function countTo(
  count: number,
  signal: AbortSignal,
  read: (counted: (records: number) => void, stop: AbortSignal) => Promise<void>,
): Promise<number> {
  const done = new AbortController()
  let first = Number.NaN
  let last = Number.NaN
  let seen = 0
  await read(
    (records) => {
      if (records === 0 || done.signal.aborted) return
      seen += records
      last = Bun.nanoseconds()
      if (Number.isNaN(first)) first = last
      if (seen >= count) done.abort()
    },
    AbortSignal.any([signal, done.signal]),
  )
  signal.throwIfAborted()
  return (last - first) / 1e9
}
