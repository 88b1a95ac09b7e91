import { type Delivery, type DeliveryOptions, DirectDelivery } from './delivery.ts'
import type { Feed } from './feed.ts'
import type { FeedClockListener } from './feed-clock.ts'
import type { Gap, GapLedger } from './gap-ledger.ts'
import type { GapRecords } from './in-time.ts'
import type { BadFrame, Received } from './inbox.ts'
import { lastDelivery } from './last-delivery.ts'
import type { Marked, RepeatMode } from './repeats.ts'
import { Splitter } from './split.ts'
import type { Spool } from './spool.ts'
import { SpooledDelivery } from './spooled-delivery.ts'
import type { NewRecord } from '../stream/broker.ts'
import { encodeValue, type Framing, gapHeaders } from '../stream/codec.ts'
import { deadLetterTopic } from '../stream/topics.ts'
import { retry } from '../stream/retry.ts'

export interface ProducerOptions extends DeliveryOptions {
  framing: Framing
  /** Of the schema in the registry, for confluent framing. */
  schemaId?: number
  repeats: RepeatMode
  /** Of a live feed, for the time in which the log is away. */
  spool?: Spool | null
  /** For a live feed. */
  onFeedClock?: FeedClockListener
}

/** What goes out at once, in this order. */
export interface Parcel {
  gaps: readonly Gap[]
  decided: readonly Marked<Received>[]
  bad: readonly BadFrame[]
}

/** Encodes decided frames, brings them into the log in order, and tells the feed what is safe. */
export class Outbox {
  readonly #feed: Feed
  readonly #options: ProducerOptions
  readonly #splitter: Splitter
  readonly #delivery: Delivery
  readonly #ledger: GapLedger | null

  constructor(feed: Feed, options: ProducerOptions, ledger: GapLedger | null) {
    this.#feed = feed
    this.#options = options
    this.#splitter = new Splitter(options)
    this.#ledger = ledger
    this.#delivery = this.#deliveryBy(options)
  }

  /** Waits for the log, or for a moment where there is a spool. */
  async open(signal: AbortSignal): Promise<void> {
    await this.#delivery.open(signal)
    if (this.#ledger === null || this.#feed.watched?.isSentAgain === true || this.#options.spool) return
    const { broker, topic, context } = this.#options
    const last = await retry('log', () => lastDelivery(broker, topic), { context, signal })
    if (last !== null) this.#ledger.restarted(last.received)
  }

  /** Resolves when nothing loses it any more. A full disk is waited for: the feed queues meanwhile. */
  async send({ gaps, decided, bad }: Parcel, signal: AbortSignal): Promise<void> {
    const { topic, context } = this.#options
    await this.#delivery.append(deadLetterTopic(topic), bad.map(deadLetter(context.clock.now())), signal)
    const records: NewRecord[] = gaps.flatMap((gap) => this.#gapRecords(gap))
    this.#report(gaps)
    for (const { frame, repeats } of decided) {
      const split = this.#splitter.split({ ...frame.source, skew: frame.skew, entries: frame.entries, repeats })
      if (!frame.source.known) records.push(...split)
    }
    const appended = await this.#delivery.append(topic, records, signal)
    this.#count(decided, appended)
    for (const { frame } of decided) this.#feed.acknowledge(frame.source)
  }

  async close(): Promise<void> {
    await this.#delivery.close()
  }

  #deliveryBy(options: ProducerOptions): Delivery {
    const { spool } = options
    if (!spool) return new DirectDelivery(options)
    const symbols = this.#feed.watched?.symbols ?? []
    const gapRecords: GapRecords = (gap) => this.#gapRecords({ ...gap, symbols })
    const onRestart = (from: number) => this.#ledger?.restarted(from)
    const onLoss = (from: number, detail: string) => this.#ledger?.lost('overflow', from, detail)
    return new SpooledDelivery({ ...options, spool, gapRecords, onRestart, onLoss })
  }

  #gapRecords({ symbols, cause, from, to, detail }: Omit<Gap, 'more' | 'isOver'>): NewRecord[] {
    const { framing, schemaId } = this.#options
    const value = encodeValue([], framing, schemaId)
    return symbols.map((symbol) => ({
      key: symbol,
      value,
      headers: gapHeaders({ symbol, from, to, cause, detail }, framing),
    }))
  }

  #report(gaps: readonly Gap[]): void {
    const { log, metrics } = this.#options.context
    for (const { cause, from, to, detail, symbols, more, isOver } of gaps) {
      metrics.feedGapSeconds.inc({ cause }, more / 1000)
      const of = { cause, from, to, symbols: symbols.length, ...(detail === '' ? {} : { why: detail }) }
      if (isOver) log.warn('feed.gap', of)
    }
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
