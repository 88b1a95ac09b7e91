import type { Channel } from '../channel.ts'
import { ANY } from '../channel.ts'
import type { LiveRow } from '../protocol.ts'
import { byAge, keyOf, supersedes, timeOf } from './live-row.ts'

/** One update, put into text once for all who listen. `number` counts all updates of all channels. */
export interface Delta {
  number: number
  seq: number
  rows: readonly LiveRow[]
  text: string
  /** Rows that nobody is told, because more came at once than a message carries. */
  dropped: number
}

export interface Snapshot {
  seq: number
  text: string
}

/** How many rows a snapshot shows, and how many trades one update carries. */
const KEEP = { trades: 100, candles: 100, windows: 100, latest: 1 } as const
const MAX_TRADES = 500
const MAX_PAST = 256 * 1024

/** What one channel shows, what is about to be told, and what was told lately. */
export class ChannelFeed {
  readonly channel: Channel
  readonly listeners = new Set<(delta: Delta) => void>()
  /** False until the rows of the store are in: nothing is told before. */
  ready = false
  /** When the last listener left. */
  idleSince: number
  #seq = 0
  #rows = new Map<string, LiveRow>()
  #pending = new Map<string, LiveRow>()
  #dropped = 0
  #snapshot: Snapshot | null = null
  #past: { number: number; text: string }[] = []
  #pastSize = 0
  /** Updates after this one are all in `#past`. */
  #floor: number

  constructor(channel: Channel, start: { number: number; now: number }) {
    this.channel = channel
    this.#floor = start.number
    this.idleSince = start.now
  }

  get isPending(): boolean {
    return this.ready && this.#pending.size > 0
  }

  add(row: LiveRow): void {
    const key = keyOf(row)
    const before = this.#pending.get(key)
    if (before && !supersedes(row, before)) return
    this.#pending.set(key, row)
    if (this.channel.kind !== 'trades' || this.#pending.size <= MAX_TRADES) return
    for (const oldest of this.#pending.keys()) {
      this.#pending.delete(oldest)
      this.#dropped++
      break
    }
  }

  /** The state of the store. What was published meanwhile and is in it already is told no second time. */
  begin(stored: readonly LiveRow[]): void {
    for (const row of stored) {
      this.#keep(row)
      const pending = this.#pending.get(keyOf(row))
      if (pending && (this.channel.kind === 'trades' || !supersedes(pending, row))) this.#pending.delete(keyOf(row))
    }
    this.ready = true
  }

  /** Tells everyone what is pending. */
  flush(number: number): void {
    const rows = [...this.#pending.values()]
    const dropped = this.#dropped
    this.#pending = new Map()
    this.#dropped = 0
    for (const row of rows) this.#keep(row)
    this.#trim()
    this.#snapshot = null
    const seq = ++this.#seq
    const text = JSON.stringify({ type: 'update', channel: this.channel.name, seq, data: rows })
    this.#remember(number, text)
    const delta = { number, seq, rows, text, dropped }
    for (const listener of this.listeners) listener(delta)
  }

  /** Everything up to the last flush. */
  snapshot(): Snapshot {
    this.#trim()
    this.#snapshot ??= {
      seq: this.#seq,
      text: JSON.stringify({
        type: 'snapshot',
        channel: this.channel.name,
        seq: this.#seq,
        data: [...this.#rows.values()].sort(byAge),
      }),
    }
    return this.#snapshot
  }

  /** The updates after number `after`, or null when some of them are gone. */
  since(after: number): readonly { number: number; text: string }[] | null {
    return after < this.#floor ? null : this.#past.filter((delta) => delta.number > after)
  }

  /** `*` shows the newest of each symbol, except for trades. */
  #keep(row: LiveRow): void {
    const key = this.channel.symbol === ANY && this.channel.kind !== 'trades' ? row.symbol : keyOf(row)
    const before = this.#rows.get(key)
    if (!before || supersedes(row, before)) this.#rows.set(key, row)
  }

  #trim(): void {
    const most = KEEP[this.channel.kind]
    const perSymbol = this.channel.symbol === ANY && this.channel.kind !== 'trades'
    if (perSymbol || this.#rows.size <= most) return
    const oldest = [...this.#rows].sort(([, a], [, b]) => timeOf(a) - timeOf(b)).slice(0, this.#rows.size - most)
    for (const [key] of oldest) this.#rows.delete(key)
  }

  #remember(number: number, text: string): void {
    this.#past.push({ number, text })
    this.#pastSize += text.length
    let gone = 0
    while (this.#pastSize > MAX_PAST && gone < this.#past.length) {
      const oldest = this.#past[gone++]
      if (!oldest) break
      this.#pastSize -= oldest.text.length
      this.#floor = oldest.number
    }
    if (gone > 0) this.#past.splice(0, gone)
  }
}

export const snapshotSize = (channel: Channel): number => (channel.symbol === ANY ? 1 : KEEP[channel.kind])
