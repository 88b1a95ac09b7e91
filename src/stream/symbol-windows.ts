import { Aggregate, type DirectPrint, fromSums, sumsOf } from './aggregate.ts'
import { LongCandle } from './long-candle.ts'
import { candleRow, type Rank, windowRow } from './row.ts'
import type { noRows } from './store.ts'
import {
  dayOf,
  type Interval,
  INTERVAL_MS,
  type LateRow,
  type LatestRow,
  type RollupRow,
  type Stamped,
} from '../trade.ts'

/** Where finished and changed rows are put. */
export type RowSink = ReturnType<typeof noRows>

export interface WindowSettings {
  /** Size and slide of the hopping window, ms. The size is a whole multiple of the slide. */
  window: number
  hop: number
  /** How far the watermark trails the newest event time, ms. */
  delay: number
  /** A trade further ahead of its receipt than this (ms) is quarantined. */
  futureLimit: number
}

export interface Owner {
  partition: number
  incarnation: number
}

/** Candles that are merged from their children, shortest first. */
const LONG = ['5m', '15m', '1h', '1d'] as const
type LongInterval = (typeof LONG)[number]
const SECOND = INTERVAL_MS['1s']
const MINUTE = INTERVAL_MS['1m']

const startOf = (t: number, size: number): number => t - (t % size)
const byStart = (a: { start: number }, b: { start: number }): number => a.start - b.start

/** Every open window of one symbol. */
export class SymbolWindows {
  readonly symbol: string
  /** Nothing of this symbol ends before this: lets the engine pass over it. */
  nextEnd = Number.POSITIVE_INFINITY
  isDirty = false
  /** Folded by this owner; `late` after their second was final. */
  trades = 0
  late = 0
  mostLateMs = 0
  /** The newest price; `rank` counts the entries of the same time before it. */
  latest = { t: -1, rank: 0, price: 0, volume: 0, received: null as number | null, isDirty: false }
  hasReadLatest = false
  readonly #settings: WindowSettings
  readonly #owner: Owner
  readonly #panes = new Map<number, Aggregate>()
  readonly #seconds = new Map<number, Aggregate>()
  readonly #minutes = new Map<number, Aggregate>()
  readonly #long = LONG.map(() => new Map<number, LongCandle>())
  /** By end: what was written of an open hopping window. */
  readonly #written = new Map<number, number>()
  /** What ends here or before is closed. */
  #closedTo: number
  #dayOpen: { day: number; price: number } | null = null
  #second = new Aggregate(Number.NaN, 0)
  #minute = this.#second
  #pane = this.#second

  constructor(symbol: string, settings: WindowSettings, owner: Owner & { watermark: number }) {
    this.symbol = symbol
    this.#settings = settings
    this.#owner = owner
    this.#closedTo = owner.watermark
  }

  /** A print for which nothing is closed yet. */
  add(price: number, volume: number, t: number, offset: number, index: number): void {
    const { hop } = this.#settings
    if (!(t >= this.#second.start && t < this.#second.start + SECOND)) this.#second = this.#secondAt(t, offset)
    if (!(t >= this.#minute.start && t < this.#minute.start + MINUTE)) this.#minute = this.#minuteAt(t, offset)
    if (!(t >= this.#pane.start && t < this.#pane.start + hop)) this.#pane = this.#paneAt(t, offset)
    this.#second.add(price, volume, t, offset, index)
    this.#minute.add(price, volume, t, offset, index)
    this.#pane.add(price, volume, t, offset, index)
  }

  /**
   * A print that comes after its second was final. It joins what is still open. Answers what it missed and the
   * smallest candle it entered. Everything up to the watermark must be closed before (`close`).
   */
  addLate(print: DirectPrint, watermark: number): Pick<LateRow, 'missed' | 'entry_interval'> {
    const { price, volume, t, offset, index } = print
    const { window, hop } = this.#settings
    const missed: string[] = []
    for (let end = startOf(t, hop) + hop; end <= t + window; end += hop)
      if (watermark >= end) missed.push(`${window / 1000}s@${end}`)
    if (watermark < startOf(t, hop) + window) this.#paneAt(t, offset).add(price, volume, t, offset, index)
    missed.push('1s')
    if (watermark < startOf(t, MINUTE) + MINUTE) {
      this.#minuteAt(t, offset).add(price, volume, t, offset, index)
      return { missed: missed.join(','), entry_interval: '1m' }
    }
    missed.push('1m')
    for (const [level, interval] of LONG.entries()) {
      if (watermark < startOf(t, INTERVAL_MS[interval]) + INTERVAL_MS[interval]) {
        this.#longAt(level, t).direct.push(print)
        return { missed: missed.join(','), entry_interval: interval }
      }
      missed.push(interval)
    }
    return { missed: missed.join(','), entry_interval: '' }
  }

  /** A print read again after a restart: only what replay restores, and only where still open. */
  rebuild({ price, volume, t, offset, index }: DirectPrint, watermark: number): void {
    const { window, hop } = this.#settings
    if (watermark < startOf(t, SECOND) + SECOND) this.#secondAt(t, offset).add(price, volume, t, offset, index)
    if (watermark < startOf(t, MINUTE) + MINUTE) this.#minuteAt(t, offset).add(price, volume, t, offset, index)
    if (watermark < startOf(t, hop) + window) this.#paneAt(t, offset).add(price, volume, t, offset, index)
  }

  restoreRollup(row: RollupRow): void {
    this.#longAt(levelAbove(row.interval), row.start_ts).children.merge(fromSums(row))
  }

  restoreLate(row: LateRow): void {
    const level = LONG.indexOf(row.entry_interval as LongInterval)
    const { price, volume, trade_ts: t, log_offset: offset, log_index: index } = row
    this.#longAt(level, t).direct.push({ price, volume, t, offset, index })
  }

  /** Writes the final row of all that ends at or before the watermark, children before parents, and forgets it. */
  close(watermark: number, sink: RowSink): void {
    for (const second of this.#seconds.values()) {
      if (second.start + SECOND > watermark) continue
      this.#emit('1s', second, 2, sink)
      this.#seconds.delete(second.start)
    }
    const { hop } = this.#settings
    if (!(startOf(watermark, hop) <= this.#closedTo)) this.#closeWindows(watermark, sink)
    if (!(startOf(watermark, MINUTE) <= this.#closedTo)) this.#closeMinutes(watermark, sink)
    this.#closedTo = watermark
    this.nextEnd = this.#seconds.size > 0 ? startOf(watermark, SECOND) + SECOND : this.#findNextEnd()
  }

  /** Writes the row of every open window that changed; `rankAt(end)` is 1 where the quiet market closes it. */
  emitOpen(rankAt: (end: number) => Rank, sink: RowSink): void {
    this.emitSeconds(rankAt, sink)
    this.emitMinutes(rankAt, sink)
    this.emitLong(rankAt, sink)
  }

  emitSeconds(rankAt: (end: number) => Rank, sink: RowSink): void {
    for (const second of this.#seconds.values()) this.#emit('1s', second, rankAt(second.start + SECOND), sink)
  }

  /** Candles of 1 m, and the hopping windows. */
  emitMinutes(rankAt: (end: number) => Rank, sink: RowSink): void {
    for (const end of this.#openEnds()) {
      const sum = this.#merged(end)
      const rank = rankAt(end)
      if (4 * sum.n + rank <= (this.#written.get(end) ?? 0)) continue
      sink.windows.push(windowRow(this.symbol, sum, { end, rank }))
      this.#written.set(end, 4 * sum.n + rank)
    }
    for (const minute of this.#openMinutes()) this.#emit('1m', minute, rankAt(minute.start + MINUTE), sink)
  }

  #openMinutes(): Aggregate[] {
    return [...this.#minutes.values()].sort(byStart)
  }

  /** False where the newest price is of another day than the one whose open is known. */
  get knowsDayOpen(): boolean {
    return this.#dayOpen?.day === startOf(this.latest.t, INTERVAL_MS['1d'])
  }

  /** The largest end of an open hopping window, second or minute; null when none is open. */
  lastEnd(): number | null {
    const ends = [...this.#openEnds()]
    for (const second of this.#seconds.values()) ends.push(second.start + SECOND)
    for (const minute of this.#minutes.values()) ends.push(minute.start + MINUTE)
    return ends.length === 0 ? null : Math.max(...ends)
  }

  /** The lowest offset that replay needs to restore what is open; Infinity when nothing is. */
  lowestOffset(): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const map of [this.#panes, this.#seconds, this.#minutes])
      for (const aggregate of map.values()) if (aggregate.firstOffset < lowest) lowest = aggregate.firstOffset
    return lowest
  }

  latestRow(): Stamped<LatestRow> {
    const { t, rank, price, volume, received } = this.latest
    const open =
      this.#dayOpen !== null && this.#dayOpen.day === startOf(t, INTERVAL_MS['1d']) ? this.#dayOpen.price : null
    return {
      symbol: this.symbol,
      price,
      volume,
      trade_ts: t,
      received_ts: received,
      day_open: open,
      change: open === null ? null : price - open,
      change_percent: open === null ? null : ((price - open) / open) * 100,
      stamp: t * 1000 + Math.min(999, rank),
    }
  }

  #emit(interval: Interval, sum: Aggregate, rank: Rank, sink: RowSink): void {
    const stamp = 4 * sum.n + rank
    if (sum.n === 0 || stamp <= sum.written) return
    sum.written = stamp
    sink.candles.push(candleRow(this.symbol, sum, { interval, rank }))
  }

  #closeWindows(watermark: number, sink: RowSink): void {
    const { window } = this.#settings
    const due = [...this.#openEnds()].filter((end) => end <= watermark).sort((a, b) => a - b)
    for (const end of due) {
      sink.windows.push(windowRow(this.symbol, this.#merged(end), { end, rank: 2 }))
      this.#written.delete(end)
    }
    for (const start of this.#panes.keys()) if (start + window <= watermark) this.#panes.delete(start)
  }

  #closeMinutes(watermark: number, sink: RowSink): void {
    for (const minute of [...this.#minutes.values()].sort(byStart)) {
      if (minute.start + MINUTE > watermark) break
      this.#emit('1m', minute, 2, sink)
      this.#rollUp('1m', minute, sink)
      this.#minutes.delete(minute.start)
    }
    for (const [level, interval] of LONG.entries()) this.#closeLong(level, interval, { watermark, sink })
  }

  #openEnds(): Set<number> {
    const { window, hop } = this.#settings
    const ends = new Set<number>()
    for (const start of this.#panes.keys())
      for (let end = start + hop; end <= start + window; end += hop) if (end > this.#closedTo) ends.add(end)
    return ends
  }

  /** The panes of one hopping window, merged in time order. */
  #merged(end: number): Aggregate {
    const { window, hop } = this.#settings
    const sum = new Aggregate(end - window, 0)
    for (let start = end - window; start < end; start += hop) {
      const pane = this.#panes.get(start)
      if (pane !== undefined) sum.merge(pane)
    }
    return sum
  }

  #closeLong(level: number, interval: LongInterval, { watermark, sink }: { watermark: number; sink: RowSink }): void {
    const candles = this.#long[level]
    if (candles === undefined || candles.size === 0) return
    for (const candle of [...candles.values()].sort(byStart)) {
      const end = candle.start + INTERVAL_MS[interval]
      if (end > watermark) break
      const sum = candle.value()
      this.#emit(interval, sum, 2, sink)
      if (interval !== '1d' && sum.n > 0) this.#rollUp(interval, sum, sink)
      candles.delete(candle.start)
    }
  }

  #rollUp(interval: Exclude<Interval, '1s' | '1d'>, sum: Aggregate, sink: RowSink): void {
    this.#longAt(levelAbove(interval), sum.start).children.merge(sum)
    sink.rollups.push({
      log_partition: this.#owner.partition,
      incarnation: this.#owner.incarnation,
      day: dayOf(sum.start),
      interval,
      symbol: this.symbol,
      ...sumsOf(sum),
    })
  }

  /** Candles of 5 m and longer. */
  emitLong(rankAt: (end: number) => Rank, sink: RowSink): void {
    let children: readonly Aggregate[] = this.#openMinutes()
    for (const [level, interval] of LONG.entries()) {
      for (const child of children) this.#longAt(level, child.start)
      const sums: Aggregate[] = []
      for (const candle of [...(this.#long[level]?.values() ?? [])].sort(byStart)) {
        const end = candle.start + INTERVAL_MS[interval]
        const sum = candle.value(children.filter((child) => child.start >= candle.start && child.start < end))
        if (sum.n === 0) continue
        sum.written = candle.written
        this.#emit(interval, sum, rankAt(end), sink)
        candle.written = sum.written
        sums.push(sum)
      }
      children = sums
    }
    const day = children.at(-1)
    if (day !== undefined) this.#dayOpen = { day: day.start, price: day.open }
  }

  #findNextEnd(): number {
    let next = Number.POSITIVE_INFINITY
    for (const start of this.#seconds.keys()) next = Math.min(next, start + SECOND)
    for (const end of this.#openEnds()) next = Math.min(next, end)
    for (const start of this.#minutes.keys()) next = Math.min(next, start + MINUTE)
    for (const [level, interval] of LONG.entries())
      for (const start of this.#long[level]?.keys() ?? []) next = Math.min(next, start + INTERVAL_MS[interval])
    return next
  }

  #secondAt(t: number, offset: number): Aggregate {
    return this.#at(this.#seconds, startOf(t, SECOND), { end: startOf(t, SECOND) + SECOND, offset })
  }

  #minuteAt(t: number, offset: number): Aggregate {
    return this.#at(this.#minutes, startOf(t, MINUTE), { end: startOf(t, MINUTE) + MINUTE, offset })
  }

  #paneAt(t: number, offset: number): Aggregate {
    const start = startOf(t, this.#settings.hop)
    return this.#at(this.#panes, start, { end: start + this.#settings.hop, offset })
  }

  #at(map: Map<number, Aggregate>, start: number, { end, offset }: { end: number; offset: number }): Aggregate {
    const known = map.get(start)
    if (known !== undefined) return known
    const made = new Aggregate(start, offset)
    map.set(start, made)
    if (end < this.nextEnd) this.nextEnd = end
    return made
  }

  #longAt(level: number, t: number): LongCandle {
    const size = INTERVAL_MS[LONG[level] ?? '1d']
    const start = startOf(t, size)
    const candles = this.#long[level]
    const known = candles?.get(start)
    if (known !== undefined) return known
    const made = new LongCandle(start)
    candles?.set(start, made)
    if (start + size < this.nextEnd) this.nextEnd = start + size
    return made
  }
}

/** The level that candles of `interval` merge into. */
const levelAbove = (interval: Interval): number => (interval === '1m' ? 0 : LONG.indexOf(interval as LongInterval) + 1)
