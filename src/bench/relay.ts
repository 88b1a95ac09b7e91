import type { Client } from 'cassandra-driver'
import type { EachBatchPayload, Kafka } from 'kafkajs'

import { Slots } from './slots.ts'
import { insertTrade, tradeValues } from './trades-table.ts'
import { messageType } from '../stream/codec.ts'
import { type Entry, hourOf } from '../trade.ts'

const ROWS_PER_BATCH = 30
const IN_FLIGHT = 32
const MAX_WAIT_MS = 100

export interface RelayOptions {
  kafka: Kafka
  client: Client
  topic: string
  group: string
  keyspace: string
  partitions: number
}

/**
 * What a competent person writes by hand in an afternoon: log to table, without windows, candles or any care for
 * what may go wrong. The measure for the processor. Runs until `signal` aborts; throws when the consumer gives up.
 */
export async function runRelay(options: RelayOptions, signal: AbortSignal): Promise<void> {
  const { kafka, topic, group, partitions } = options
  const consumer = kafka.consumer({
    groupId: group,
    minBytes: 1,
    maxWaitTimeInMs: MAX_WAIT_MS,
    retry: { restartOnFailure: async () => true },
  })
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  // kafkajs starts itself again after what may pass, such as a coordinator that is still loading.
  consumer.on('consumer.crash', ({ payload }) => {
    if (!payload.restart) reject(payload.error)
  })
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  const slots = new Slots(IN_FLIGHT)
  try {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: partitions,
      eachBatch: async (payload) => {
        const { batch } = payload
        await Promise.all(
          statements(batch, options.keyspace).map((rows) => slots.run(() => write(options.client, rows))),
        )
        const next = String(Number(batch.lastOffset()) + 1)
        await consumer.commitOffsets([{ topic, partition: batch.partition, offset: next }])
        await payload.heartbeat()
      },
    })
    await ended
  } finally {
    await consumer.disconnect()
  }
}

interface Statement {
  query: string
  params: unknown[]
}

/** Rows of one partition of the table go together, as many as fit. */
function statements({ messages, partition }: EachBatchPayload['batch'], keyspace: string): Statement[][] {
  const query = insertTrade(keyspace)
  const groups = new Map<string, Statement[]>()
  const full: Statement[][] = []
  for (const { value, offset, timestamp, headers } of messages) {
    if (value === null) continue
    const { data } = messageType.fromBuffer(value) as { data: readonly Entry[] }
    const received = headers?.['received']?.toString()
    const place = {
      partition,
      offset: Number(offset),
      received: received === undefined ? null : Number(received),
      ingested: Number(timestamp),
    }
    for (const [index, entry] of data.entries()) {
      const key = `${entry.s} ${hourOf(entry.t)}`
      const group = groups.get(key) ?? []
      group.push({ query, params: tradeValues(entry, index, place) })
      if (group.length === ROWS_PER_BATCH) full.push(group)
      groups.set(key, group.length === ROWS_PER_BATCH ? [] : group)
    }
  }
  for (const group of groups.values()) if (group.length > 0) full.push(group)
  return full
}

async function write(client: Client, rows: Statement[]): Promise<void> {
  const [only] = rows
  if (rows.length === 1 && only !== undefined) await client.execute(only.query, only.params)
  else await client.batch(rows, { logged: false })
}
