import type { Appended, Broker, NewRecord } from '../stream/broker.ts'
import { ensureTopics, type TopicOptions } from '../stream/topics.ts'
import { retry } from '../stream/retry.ts'
import type { Context } from '../telemetry.ts'

/** Brings records into the log, in the order of the calls. One call at a time. */
export interface Delivery {
  /** Waits for the log, as long as that is worth it. Throws what no waiting cures. */
  open(signal: AbortSignal): Promise<void>
  /**
   * Resolves when the records are where nothing loses them; answers how many the log held already. Waits as long as they
   * can be taken nowhere. Throws what no waiting cures, and the last trouble once `signal` aborts.
   */
  append(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<number>
  /** No more is appended. Throws what ended it. */
  close(): Promise<void>
}

export interface DeliveryOptions extends TopicOptions {
  broker: Broker
  context: Context
  /** What else must be done before the first append. */
  prepare?: (signal: AbortSignal) => Promise<void>
}

/** Straight into the log. While that is away nothing moves: a recording waits, a live feed queues. */
export class DirectDelivery implements Delivery {
  readonly #options: DeliveryOptions

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  async open(signal: AbortSignal): Promise<void> {
    await prepareLog(this.#options, signal)
  }

  async append(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<number> {
    const { broker, context } = this.#options
    if (records.length === 0) return 0
    return duplicatesIn(await retry('log', () => broker.append(topic, records), { context, signal }))
  }

  async close(): Promise<void> {}
}

export async function prepareLog(options: DeliveryOptions, signal: AbortSignal): Promise<void> {
  await options.prepare?.(signal)
  await ensureTopics(options, signal)
}

export const duplicatesIn = (results: readonly Appended[]): number =>
  results.filter(({ duplicate }) => duplicate).length
