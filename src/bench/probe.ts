import type { Client } from 'cassandra-driver'
import type { Producer } from 'kafkajs'

import { isReadable, type TradeKey } from './trades-table.ts'
import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'
import { encodeHeaders, encodeValue } from '../stream/codec.ts'

const POLL_MS = 2
/** Of its age: a probe that waits long is asked for less often, or the asking would itself slow down who is behind. */
const POLL_SHARE = 0.04

/** How long (ms) after asking for a probe of this age it is asked for again. */
export const pollPause = (ageMs: number): number => Math.max(POLL_MS, ageMs * POLL_SHARE)

export interface Probe {
  key: TradeKey
  /** When the log acknowledged it, `Bun.nanoseconds()`. */
  acknowledged: number
}

export interface ProberOptions {
  producer: Producer
  client: Client
  topic: string
  keyspace: string
  partitions: number
  clock: Clock
}

/** One symbol for each partition, such that Kafka's partitioner puts it there. */
export function probeSymbols(partitions: number): string[] {
  const found = new Map<number, string>()
  for (let n = 0; found.size < partitions; n++) {
    const symbol = `BENCH:PROBE${n}`
    const partition = partitionOf(symbol, partitions)
    if (!found.has(partition)) found.set(partition, symbol)
  }
  return Array.from({ length: partitions }, (_, partition) => found.get(partition) ?? '')
}

/** Appends single trades and asks the table for them until they are there. The same for every side. */
export class Prober {
  readonly symbols: readonly string[]
  readonly #options: ProberOptions
  readonly #session: string
  #seq = 0
  #lastTs = 0
  readonly #appending: Promise<unknown>[] = []

  constructor(options: ProberOptions) {
    this.#options = options
    this.symbols = probeSymbols(options.partitions)
    this.#session = `probe-${options.clock.now().toString(36)}`
  }

  /** How many probes were appended. */
  get sent(): number {
    return this.#seq
  }

  /**
   * Appends one trade of an event time that no other probe has, not before `from` (default: now). Resolves when the
   * log has acknowledged it.
   */
  append(partition: number, from?: number): Promise<Probe> {
    const before = this.#appending[partition] ?? Promise.resolve()
    const appended = before.then(() => this.#append(partition, from))
    // Records of one session must lie in a partition in their order, or they count as repeated.
    this.#appending[partition] = appended.catch(() => {})
    return appended
  }

  async #append(partition: number, from?: number): Promise<Probe> {
    const { producer, topic, clock } = this.#options
    const symbol = this.symbols[partition] ?? ''
    const received = clock.now()
    this.#lastTs = Math.max(from ?? received, this.#lastTs + 1)
    const tradeTs = this.#lastTs
    const value = encodeValue([{ c: null, p: 100, s: symbol, t: tradeTs, v: 1 }], 'raw')
    const meta = { session: this.#session, seq: this.#seq++, k: 0, prev: null, received, skew: 0, repeats: [] }
    const message = { key: symbol, partition, value: Buffer.from(value), headers: encodeHeaders(meta, 'raw') }
    const [placed] = await producer.send({ topic, acks: -1, messages: [message] })
    const acknowledged = Bun.nanoseconds()
    if (placed?.baseOffset === undefined) throw new StockpipeError('topic-missing', `${topic} did not take a probe`)
    return { key: { symbol, tradeTs, partition, offset: Number(placed.baseOffset), index: 0 }, acknowledged }
  }

  /** Ms from the acknowledgement to the first answer with the row; null when `signal` aborts before. */
  async latency({ key, acknowledged }: Probe, signal: AbortSignal, pauseAt = pollPause): Promise<number | null> {
    const { clock } = this.#options
    while (!signal.aborted) {
      const asked = Bun.nanoseconds()
      if (await this.isThere(key)) return (Bun.nanoseconds() - acknowledged) / 1e6
      const pause = pauseAt((asked - acknowledged) / 1e6)
      const spent = (Bun.nanoseconds() - asked) / 1e6
      if (spent < pause) await clock.sleep(pause - spent, signal)
    }
    return null
  }

  /** False also while there is no such table yet, or the server does not answer. */
  async isThere(key: TradeKey): Promise<boolean> {
    const { client, keyspace } = this.#options
    return isReadable(client, keyspace, key).catch(() => false)
  }

  /** One probe for each partition, all readable: everything appended before is through. False when `signal` aborts before. */
  async isThrough(signal: AbortSignal): Promise<boolean> {
    const waits = this.symbols.map(async (_, partition) => this.latency(await this.append(partition), signal))
    return (await Promise.all(waits)).every((latency) => latency !== null)
  }
}
