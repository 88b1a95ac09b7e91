import type { Channel } from '../channel.ts'
import type { LiveRow } from '../protocol.ts'
import type { ChannelFeed, Delta } from './channel-feed.ts'
import type { Hub } from './hub.ts'
import { keyOf } from './live-row.ts'

/** Where a client's messages go: a WebSocket or an SSE stream. */
export interface Sink {
  /** `number`: with this message the client has every update up to it. Null: it says nothing about that. */
  send(text: string, number: number | null): void
  /** True when the client has not yet taken what was sent: more would pile up in memory. */
  isFull(): boolean
}

interface Backlog {
  rows: Map<string, LiveRow>
  dropped: number
  seq: number
}

export const MAX_CHANNELS_PER_CLIENT = 256
const MAX_BACKLOG = 1_000
const RETRY_MS = 100

/**
 * One client. While it keeps up it gets the shared text; when its sink is full, rows are merged by key until it
 * has room again, and it is told how many it missed.
 */
export class Listener {
  readonly #hub: Hub
  readonly #sink: Sink
  readonly #attached = new Map<string, () => void>()
  readonly #backlog = new Map<string, Backlog>()
  readonly #closed = new AbortController()
  #draining = false
  #number = 0

  constructor(hub: Hub, sink: Sink) {
    this.#hub = hub
    this.#sink = sink
    hub.context.metrics.streamClients.inc()
  }

  /** How many channels there would be with these. */
  countWith(channels: readonly Channel[]): number {
    return new Set([...this.#attached.keys(), ...channels.map(({ name }) => name)]).size
  }

  /** Snapshots, then updates. All channels begin at the same moment. */
  async subscribe(channels: readonly Channel[]): Promise<void> {
    const feeds = await Promise.all(channels.map((channel) => this.#hub.open(channel)))
    if (this.#closed.signal.aborted) return
    const texts = feeds.map((feed) => feed.snapshot().text)
    for (const feed of feeds) this.#attach(feed)
    for (const [index, text] of texts.entries()) this.#sendOpening(text, index === texts.length - 1)
  }

  /** As `subscribe`, going on after update `number` where the channel still knows what came since. */
  async resume(channels: readonly Channel[], number: number): Promise<void> {
    const feeds = await Promise.all(channels.map((channel) => this.#hub.open(channel)))
    if (this.#closed.signal.aborted) return
    const known = feeds.map((feed) => ({ feed, past: feed.since(number) }))
    const snapshots = known.filter(({ past }) => past === null).map(({ feed }) => feed.snapshot().text)
    const missed = known.flatMap(({ past }) => past ?? []).sort((a, b) => a.number - b.number)
    for (const feed of feeds) this.#attach(feed)
    const texts = [...snapshots, ...missed.map((delta) => delta.text)]
    for (const [index, text] of texts.entries()) this.#sendOpening(text, index === texts.length - 1)
  }

  unsubscribe(channel: string): boolean {
    this.#backlog.delete(channel)
    this.#attached.get(channel)?.()
    return this.#attached.delete(channel)
  }

  close(): void {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    for (const detach of this.#attached.values()) detach()
    this.#attached.clear()
    this.#backlog.clear()
    this.#hub.context.metrics.streamClients.dec()
  }

  #attach(feed: ChannelFeed): void {
    this.unsubscribe(feed.channel.name)
    const listener = (delta: Delta) => this.#deliver(feed.channel.name, delta)
    feed.listeners.add(listener)
    this.#attached.set(feed.channel.name, () => {
      feed.listeners.delete(listener)
      feed.idleSince = this.#hub.context.clock.now()
    })
  }

  #sendOpening(text: string, last: boolean): void {
    this.#sink.send(text, last && this.#backlog.size === 0 ? this.#hub.number : null)
  }

  #deliver(channel: string, delta: Delta): void {
    this.#number = delta.number
    if (this.#backlog.size > 0 || this.#sink.isFull()) return this.#put(channel, delta)
    if (delta.dropped > 0) this.#tellDropped(channel, delta.dropped)
    this.#sink.send(delta.text, delta.number)
  }

  #put(channel: string, delta: Delta): void {
    const backlog = this.#backlog.get(channel) ?? { rows: new Map<string, LiveRow>(), dropped: 0, seq: 0 }
    this.#backlog.set(channel, backlog)
    backlog.seq = delta.seq
    backlog.dropped += delta.dropped
    for (const row of delta.rows) {
      const key = keyOf(row)
      if (backlog.rows.delete(key)) backlog.dropped++
      backlog.rows.set(key, row)
      if (backlog.rows.size > MAX_BACKLOG) dropOldest(backlog)
    }
    if (!this.#draining) void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#draining = true
    while (this.#backlog.size > 0 && !this.#closed.signal.aborted) {
      await this.#hub.context.clock.sleep(RETRY_MS, this.#closed.signal)
      if (!this.#closed.signal.aborted && !this.#sink.isFull()) this.#sendBacklog()
    }
    this.#draining = false
  }

  #sendBacklog(): void {
    const backlogs = [...this.#backlog]
    this.#backlog.clear()
    for (const [index, [channel, { rows, dropped, seq }]] of backlogs.entries()) {
      if (dropped > 0) this.#tellDropped(channel, dropped)
      const text = JSON.stringify({ type: 'update', channel, seq, data: [...rows.values()] })
      this.#sink.send(text, index === backlogs.length - 1 ? this.#number : null)
    }
  }

  #tellDropped(channel: string, dropped: number): void {
    this.#hub.context.metrics.streamConflated.inc(dropped)
    this.#sink.send(JSON.stringify({ type: 'conflated', channel, dropped }), null)
  }
}

function dropOldest(backlog: Backlog): void {
  for (const key of backlog.rows.keys()) {
    backlog.rows.delete(key)
    backlog.dropped++
    return
  }
}
