import type { Kafka, Message, Producer } from 'kafkajs'

import { noise, trade } from './trades.ts'
import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { encodeHeaders, encodeValue } from '../stream/codec.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'

/** What to append. Trades of one record are of one symbol; symbols take turns. */
export interface LoadPlan {
  topic: string
  partitions: number
  symbols: number
  perRecord: number
  /** Trades per second; null: as fast as the log takes them. */
  rate: number | null
  /** Null: until stopped. */
  records: number | null
  /** How long (ms) before now the first trade of a load without a rate happened; the last one happens now. */
  span: number
}

export interface LoadReport {
  records: number
  trades: number
  seconds: number
  /** Of a load with a rate: the furthest (ms) that it fell behind its plan. */
  behind: number
}

const TICK_MS = 4
/** In one request. */
const MOST_RECORDS = 500

export const loadSymbol = (index: number): string => `BENCH:COIN${index}`

/** How many records of a load with a rate should have been sent by now. */
export const dueRecords = (elapsedMs: number, { rate, perRecord }: { rate: number; perRecord: number }): number =>
  Math.floor((elapsedMs * rate) / 1_000 / perRecord)

/** Appends through bare kafkajs until the plan is done or `signal` aborts. */
export async function runLoad(
  kafka: Kafka,
  plan: LoadPlan,
  with_: { clock: Clock; signal: AbortSignal },
): Promise<LoadReport> {
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  try {
    return await sendAll(producer, plan, with_)
  } finally {
    await producer.disconnect()
  }
}

async function sendAll(
  producer: Producer,
  plan: LoadPlan,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<LoadReport> {
  const total = plan.records ?? Number.POSITIVE_INFINITY
  const make = maker(plan, clock)
  const startedAt = Bun.nanoseconds()
  let sent = 0
  let behind = 0
  while (sent < total && !signal.aborted) {
    const elapsed = (Bun.nanoseconds() - startedAt) / 1e6
    const due = plan.rate === null ? total : dueRecords(elapsed, { ...plan, rate: plan.rate })
    const count = Math.min(MOST_RECORDS, due - sent, total - sent)
    if (count <= 0) {
      await clock.sleep(TICK_MS, signal)
      continue
    }
    if (plan.rate !== null) behind = Math.max(behind, elapsed - (sent * plan.perRecord * 1_000) / plan.rate)
    // One request at a time: records of one session must lie in the log in their order, or they count as repeated.
    const messages = Array.from({ length: count }, (_, at) => make(sent + at))
    await send(producer, plan.topic, messages)
    sent += count
  }
  const seconds = (Bun.nanoseconds() - startedAt) / 1e9
  return { records: sent, trades: sent * plan.perRecord, seconds, behind }
}

/** Throws when a record vanished: a partition that does not exist is answered with nothing. */
async function send(producer: Producer, topic: string, messages: Message[]): Promise<void> {
  const results = await producer.send({ topic, acks: -1, messages })
  if (results.length === 0) throw new StockpipeError('topic-missing', `${topic} did not take the records`)
}

/** Makes the n-th record as the producer of the pipeline would. */
function maker(plan: LoadPlan, clock: Clock): (n: number) => Message {
  const random = noise()
  const session = `bench-${clock.now().toString(36)}`
  const lastSeq = new Map<number, number>()
  const origin = clock.now() - plan.span
  return (n) => {
    const symbol = loadSymbol(n % plan.symbols)
    const partition = partitionOf(symbol, plan.partitions)
    const received = clock.now()
    const last = plan.rate === null ? origin + Math.floor((n / (plan.records ?? 1)) * plan.span) : received
    const entries = Array.from({ length: plan.perRecord }, (_, at) =>
      trade(symbol, last - plan.perRecord + 1 + at, random),
    )
    const meta = { session, seq: n, k: 0, prev: lastSeq.get(partition) ?? null, received, skew: 0, repeats: [] }
    lastSeq.set(partition, n)
    return {
      key: symbol,
      partition,
      value: Buffer.from(encodeValue(entries, 'raw')),
      headers: encodeHeaders(meta, 'raw'),
    }
  }
}
