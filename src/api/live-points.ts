import type { Clock } from '../clock.ts'
import { channelName } from '../grafana-channel.ts'
import type { LiveUpdate } from '../stream/live.ts'
import type { TradeBatch } from '../trade.ts'

interface Point {
  price: number
  /** Of all trades since the last point. */
  volume: number
  /** Unix ms. */
  time: number
}

/** Older trades are history, which nobody watches happen: a simulator's first half hour, or what waited for a broker. */
const OLDEST_MS = 60_000

/** What is new of each symbol, merged into one point; never more, however long nobody takes it. */
export class Points {
  readonly #clock: Pick<Clock, 'now'>
  #points = new Map<string, Point>()
  /** Of the running average that is nearest to its end, by symbol. */
  readonly #vwaps = new Map<string, number>()
  /** Of the newest point that was taken: a later one must not seem to be older. */
  readonly #times = new Map<string, number>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  take({ trades, windows }: LiveUpdate): void {
    const ends = new Map<string, number>()
    for (const { symbol, window_end_ts: end, vwap, n, final } of windows) {
      if (final || n === 0 || end > (ends.get(symbol) ?? Number.POSITIVE_INFINITY)) continue
      ends.set(symbol, end)
      this.#vwaps.set(symbol, vwap)
    }
    const oldest = this.#clock.now() - OLDEST_MS
    for (const batch of trades) this.#add(batch, oldest)
  }

  #add({ symbol, entries, skip }: TradeBatch, oldest: number): void {
    const point = this.#points.get(symbol) ?? { price: 0, volume: 0, time: 0 }
    for (const [index, { p, v, t }] of entries.entries()) {
      if (t < oldest || skip?.has(index) === true) continue
      point.volume += v
      if (t < point.time) continue
      point.price = p
      point.time = t
    }
    if (point.time > 0) this.#points.set(symbol, point)
  }

  /**
   * The points so far, and a fresh start. A symbol whose average is not known yet waits: a channel's fields must be the
   * same in every push, or its panels break.
   */
  drain(): Map<string, Point> {
    const ready = [...this.#points].filter(([symbol]) => this.#vwaps.has(symbol))
    for (const [symbol] of ready) this.#points.delete(symbol)
    return new Map(ready)
  }

  /** What was drained and did not arrive: its volume counts in the next point. */
  putBack(points: ReadonlyMap<string, Point>): void {
    for (const [symbol, old] of points) {
      const newer = this.#points.get(symbol)
      this.#points.set(symbol, newer === undefined ? old : { ...newer, volume: newer.volume + old.volume })
    }
  }

  /** The line protocol of InfluxDB, times in ns. */
  lines(points: ReadonlyMap<string, Point>): string {
    return [...points]
      .map(([symbol, { price, volume, time }]) => {
        const at = Math.max(time, (this.#times.get(symbol) ?? 0) + 1)
        this.#times.set(symbol, at)
        return `${channelName(symbol)} price=${price},volume=${volume},vwap=${this.#vwaps.get(symbol)} ${at}000000\n`
      })
      .join('')
  }
}
