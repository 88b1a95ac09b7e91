import { StockpipeError } from '../../errors.ts'
import type { Latencies } from '../../latency.ts'
import type { Live, LiveUpdate } from '../../stream/live.ts'
import type { Context } from '../../telemetry.ts'
import { ANY, type Channel } from '../channel.ts'
import type { StoreReader } from '../store-reader.ts'
import { ChannelFeed } from './channel-feed.ts'
import { bare, tradeRows } from './live-row.ts'
import type { LiveRow } from '../protocol.ts'
import { storedRows } from './stored-rows.ts'

export interface HubOptions {
  store: StoreReader
  live: Live
  context: Context
  /** Told how long it took from the store to who listens. */
  latency?: Latencies | undefined
  /** Ends the hub and with it every stream. */
  signal: AbortSignal
}

const FLUSH_MS = 75
const IDLE_MS = 60_000
const MAX_CHANNELS = 2_000

/**
 * Between the pipeline and the listeners: updates are gathered for a moment, put into text once per channel, and
 * handed to everyone. Nothing is done for a channel that nobody has asked for in the last minute.
 */
export class Hub {
  readonly context: Context
  readonly signal: AbortSignal
  /** Tells this run's update numbers from those of an earlier one. */
  readonly boot: string
  readonly #store: StoreReader
  readonly #feeds = new Map<string, { feed: ChannelFeed; begun: Promise<void> }>()
  #number = 0
  #flushing = false
  #lastFlush = Number.NEGATIVE_INFINITY
  readonly #latency: Latencies | undefined
  /** The oldest and the newest of what waits to be told to somebody. */
  #storedAt: { oldest: number; newest: number } | null = null

  constructor(options: HubOptions) {
    this.#store = options.store
    this.context = options.context
    this.#latency = options.latency
    this.signal = options.signal
    this.boot = options.context.clock.now().toString(36)
    const unsubscribe = options.live.subscribe((update) => this.#take(update))
    options.signal.addEventListener('abort', unsubscribe, { once: true })
  }

  /** The number of the last update. */
  get number(): number {
    return this.#number
  }

  /** The channel with the store's rows in it. Rejects when there are too many or the store fails. */
  async open(channel: Channel): Promise<ChannelFeed> {
    let entry = this.#feeds.get(channel.name)
    if (!entry) {
      this.#prune()
      if (this.#feeds.size >= MAX_CHANNELS) throw new StockpipeError('invalid', 'too many channels are in use')
      // A number of its own: what was published while nobody listened cannot be taken for heard.
      const feed = new ChannelFeed(channel, { number: ++this.#number, now: this.context.clock.now() })
      entry = { feed, begun: this.#begin(feed) }
      this.#feeds.set(channel.name, entry)
    }
    entry.feed.idleSince = this.context.clock.now()
    await entry.begun
    return entry.feed
  }

  async #begin(feed: ChannelFeed): Promise<void> {
    try {
      feed.begin(await storedRows(this.#store, feed.channel))
      this.#schedule()
    } catch (error) {
      this.#feeds.delete(feed.channel.name)
      throw error
    }
  }

  #take(update: LiveUpdate): void {
    if (this.#feeds.size === 0) return
    let isHeard = false
    for (const batch of update.trades) {
      const feeds = this.#wanted('trades', batch.symbol)
      if (feeds.length > 0) isHeard = put(feeds, tradeRows(batch)) || isHeard
    }
    for (const row of update.candles)
      isHeard = put(this.#wanted(`candles:${row.interval}`, row.symbol), [row]) || isHeard
    for (const row of update.windows) isHeard = put(this.#wanted('windows', row.symbol), [row]) || isHeard
    for (const row of update.latest) isHeard = put(this.#wanted('latest', row.symbol), [row]) || isHeard
    if (isHeard && update.storedAt !== undefined)
      this.#storedAt = { oldest: this.#storedAt?.oldest ?? update.storedAt, newest: update.storedAt }
    this.#schedule()
  }

  #wanted(prefix: string, symbol: string): ChannelFeed[] {
    const one = this.#feeds.get(`${prefix}:${symbol}`)
    const all = this.#feeds.get(`${prefix}:${ANY}`)
    return one ? (all ? [one.feed, all.feed] : [one.feed]) : all ? [all.feed] : []
  }

  /** At once after a pause, else so that a channel speaks at most every `FLUSH_MS`. */
  #schedule(): void {
    if (this.#flushing || ![...this.#feeds.values()].some(({ feed }) => feed.isPending)) return
    this.#flushing = true
    const wait = Math.max(0, this.#lastFlush + FLUSH_MS - this.context.clock.now())
    void this.context.clock.sleep(wait, this.signal).then(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    if (this.signal.aborted) return
    this.#lastFlush = this.context.clock.now()
    for (const { feed } of this.#feeds.values()) if (feed.isPending) feed.flush(++this.#number)
    this.#served()
    this.#prune()
  }

  /** Once a flush, by its ends: everything between took no longer and no shorter. */
  #served(): void {
    if (this.#storedAt === null) return
    const now = this.context.clock.now()
    for (const storedAt of [this.#storedAt.oldest, this.#storedAt.newest]) {
      this.context.metrics.hop.observe({ hop: 'store_serve' }, Math.max(0, now - storedAt) / 1000)
      this.#latency?.add('store_serve', now - storedAt)
    }
    this.#storedAt = null
  }

  #prune(): void {
    const before = this.context.clock.now() - IDLE_MS
    for (const [name, { feed }] of this.#feeds)
      if (feed.ready && feed.listeners.size === 0 && feed.idleSince < before) this.#feeds.delete(name)
  }
}

/** True where somebody listens. */
function put(feeds: readonly ChannelFeed[], rows: readonly LiveRow[]): boolean {
  for (const row of rows) for (const feed of feeds) feed.add(bare(row))
  return feeds.some(({ listeners }) => listeners.size > 0)
}
