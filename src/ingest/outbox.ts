import type { Feed } from './feed.ts'
import type { BadFrame, Received } from './inbox.ts'
import type { Marked, RepeatMode } from './repeats.ts'
import { Splitter } from './split.ts'
import type { Broker, NewRecord } from '../stream/broker.ts'
import type { Framing } from '../stream/codec.ts'
import { deadLetterTopic, ensureTopics, type TopicOptions } from '../stream/topics.ts'
import { retry } from '../stream/retry.ts'
import type { Context } from '../telemetry.ts'

export interface ProducerOptions extends TopicOptions {
  broker: Broker
  context: Context
  framing: Framing
  /** Of the schema in the registry, for confluent framing. */
  schemaId?: number
  repeats: RepeatMode
}

/** Encodes decided frames, appends them in order, and tells the feed what the log holds. */
export class Outbox {
  readonly #feed: Feed
  readonly #options: ProducerOptions
  readonly #splitter: Splitter

  constructor(feed: Feed, options: ProducerOptions) {
    this.#feed = feed
    this.#options = options
    this.#splitter = new Splitter(options)
  }

  /** Waits for the log. */
  async open(signal: AbortSignal): Promise<void> {
    await ensureTopics(this.#options, signal)
  }

  /** Resolves when the log holds all of it. A full disk is waited for: the feed queues meanwhile. */
  async send(decided: readonly Marked<Received>[], bad: readonly BadFrame[], signal: AbortSignal): Promise<void> {
    const { topic, context } = this.#options
    await this.#append(deadLetterTopic(topic), bad.map(deadLetter(context.clock.now())), signal)
    const records: NewRecord[] = []
    for (const { frame, repeats } of decided) {
      const split = this.#splitter.split({ ...frame.source, skew: frame.skew, entries: frame.entries, repeats })
      if (!frame.source.known) records.push(...split)
    }
    const appended = await this.#append(topic, records, signal)
    this.#count(decided, appended)
    for (const { frame } of decided) this.#feed.acknowledge(frame.source)
  }

  /** Appends, and answers how many records the log held already. */
  async #append(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<number> {
    const { broker, context } = this.#options
    if (records.length === 0) return 0
    const results = await retry('log', () => broker.append(topic, records), { context, signal })
    return results.filter(({ duplicate }) => duplicate).length
  }

  #count(decided: readonly Marked<Received>[], duplicates: number): void {
    const { metrics } = this.#options.context
    let trades = 0
    let repeated = 0
    for (const { frame, repeats } of decided) {
      if (frame.source.known) continue
      trades += frame.entries.length
      repeated += repeats?.length ?? 0
    }
    metrics.trades.inc({ stage: 'appended' }, trades)
    metrics.feedRepeats.inc(repeated)
    if (duplicates > 0) metrics.duplicates.inc(duplicates)
  }
}

const deadLetter =
  (now: number) =>
  ({ source, reason }: BadFrame): NewRecord => ({
    key: source.session,
    value: Buffer.from(source.text),
    headers: {
      origin: 'feed',
      error: reason,
      conn: String(source.conn),
      received: String(source.received ?? now),
      session: source.session,
      seq: String(source.seq),
      k: '0',
    },
  })
