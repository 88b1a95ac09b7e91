import { noRows, type Restored } from './store.ts'
import type { DecodedRecord } from './codec.ts'
import { gapRows } from './gap-rows.ts'
import { QuarantineShare } from './quarantine.ts'
import type { Punctuality } from './late-share.ts'
import type { Rank } from './row.ts'
import { type RowSink, SymbolWindows, type WindowSettings } from './symbol-windows.ts'
import type { DirectPrint } from './aggregate.ts'
import { dayOf, type Entry, INTERVALS } from '../trade.ts'

/** The newest price of a symbol as the store has it. */
export interface KnownPrice {
  price: number
  volume: number
  trade_ts: number
  received_ts: number | null
  stamp: number
}

/** Which of the rows that may still change are wanted. */
export interface Flush {
  /** Any at all; alone: candles of 1 s. */
  flush: boolean
  /** Candles of 1 m and hopping windows (default: as `flush`). */
  minutes?: boolean
  /** Candles of 5 m and longer (default: as `flush`). */
  long?: boolean
  /** Newest prices (default: as `flush`). */
  latest?: boolean
}

/**
 * The windows of one partition: pure state, no clock, no input or output.
 *
 * The lateness rule: the watermark W is the largest event time seen minus the delay; it moves with each entry,
 * before that entry's own check, and never back. A window `[start, end)` is final when W >= end. A trade is late
 * for every window of its own that is final when it comes; it still counts in the others, is a row of `trades`
 * like any other and a row of `late_trades`. A price update (v = 0) moves W and `latest`, nothing else. A marked
 * repeat moves nothing. A trade too far ahead of its receipt is kept, flagged, and moves nothing.
 */
export class WindowEngine {
  readonly counts = { trades: 0, updates: 0, repeats: 0, quarantined: 0, late: 0, rebuilt: 0 }
  readonly quarantine = new QuarantineShare()
  readonly #settings: WindowSettings
  readonly #owner: { partition: number; incarnation: number }
  readonly #symbols = new Map<string, SymbolWindows>()
  /** Changed since their rows were last written, by kind of row. */
  readonly #dirty = {
    seconds: new Set<SymbolWindows>(),
    minutes: new Set<SymbolWindows>(),
    long: new Set<SymbolWindows>(),
  }
  readonly #newPrices = new Set<SymbolWindows>()
  #rows: RowSink = noRows()
  #watermark = Number.NEGATIVE_INFINITY
  /** Rows of windows that start before this are not written: the log no longer holds all of their trades. */
  #from: number
  #isTruncated: boolean

  constructor(
    settings: WindowSettings,
    owner: { partition: number; incarnation: number; truncated?: boolean; from?: number | null },
  ) {
    this.#settings = settings
    this.#owner = owner
    this.#isTruncated = owner.truncated ?? false
    this.#from = owner.from ?? Number.NEGATIVE_INFINITY
  }

  get watermark(): number {
    return this.#watermark
  }

  /** True until the first trade told where the retained log begins: nothing may be committed before. */
  get isTruncated(): boolean {
    return this.#isTruncated
  }

  /** Start of the first window that is written, when the log's beginning was gone; else null. */
  get from(): number | null {
    return this.#from === Number.NEGATIVE_INFINITY ? null : this.#from
  }

  /** Of each symbol, since this owner began. */
  *punctuality(): Generator<Punctuality> {
    for (const { symbol, trades, late, mostLateMs } of this.#symbols.values())
      yield { symbol, trades, late, mostLateMs }
  }

  /** Symbols that were folded and whose newest price in the store is still to be read. */
  unknownPrices(): string[] {
    return [...this.#newPrices].filter((state) => !state.hasReadLatest).map(({ symbol }) => symbol)
  }

  /**
   * What the store says is latest, so that an older price never follows it: once per symbol, after its first fold and
   * before the rows of it are taken. Of equal times the stored one came first.
   */
  learnLatest(symbol: string, row: KnownPrice | null): void {
    const state = this.#stateOf(symbol)
    const { latest } = state
    state.hasReadLatest = true
    if (row === null || row.trade_ts < latest.t) return
    const rank = row.stamp - row.trade_ts * 1000
    if (row.trade_ts === latest.t) {
      latest.rank += rank + 1
      return
    }
    const { trade_ts: t, price, volume, received_ts: received } = row
    state.latest = { t, rank, price, volume, received, isDirty: false }
    this.#newPrices.delete(state)
  }

  /** Folds one record, live. Entries of one symbol, or of several where another producer wrote them. */
  fold(record: DecodedRecord, offset: number, timestamp: number): void {
    if (record.watermark !== null) this.#advance(record.watermark)
    if (record.gap !== null) this.#rows.gaps.push(...gapRows(record.gap))
    const { entries } = record
    for (let from = 0; from < entries.length;) {
      const to = record.session === null ? endOfRun(entries, from) : entries.length
      this.#foldRun(record, { from, to, offset, timestamp })
      from = to
    }
  }

  /** Reads one record again after a restart: restores what is open, writes nothing. */
  rebuild(record: DecodedRecord, offset: number, timestamp: number): void {
    const bound = this.#futureBound(record, timestamp)
    const { entries, repeats } = record
    for (const [index, { s, p: price, v: volume, t }] of entries.entries()) {
      if (volume === 0 || t > bound || repeats?.includes(index)) continue
      this.#stateOf(s).rebuild({ price, volume, t, offset, index }, this.#watermark)
      this.counts.rebuilt++
    }
  }

  /** Takes over a watermark and the long candles of an earlier owner. Before any `rebuild` or `fold`. */
  restore(watermark: number, { rollups, late }: Restored): void {
    this.#watermark = watermark
    const level = (row: { interval: (typeof INTERVALS)[number] }) => INTERVALS.indexOf(row.interval)
    const inOrder = [...rollups].sort((a, b) => level(a) - level(b) || a.start_ts - b.start_ts)
    for (const row of inOrder) this.#stateOf(row.symbol).restoreRollup(row)
    const byPlace = [...late].sort((a, b) => a.log_offset - b.log_offset || a.log_index - b.log_index)
    for (const row of byPlace) this.#stateOf(row.symbol).restoreLate(row)
  }

  /** After the last `rebuild`: every open window is written anew. */
  goLive(): void {
    for (const state of this.#symbols.values()) this.#touch(state)
  }

  /** The rows that are due: trades, late trades and final windows always, of the changed open ones those wanted. */
  take({ flush, minutes = flush, long = flush, latest = flush }: Flush): RowSink {
    this.#closeDue()
    // Always with the others: who is clean of seconds is taken for clean of all, see `#touch`.
    if (flush || minutes || long) this.#emitDirty(this.#dirty.seconds, (state) => this.#emitShort(state))
    if (minutes) this.#emitDirty(this.#dirty.minutes, (state) => state.emitMinutes(stillOpen, this.#rows))
    if (long) this.#emitDirty(this.#dirty.long, (state) => state.emitLong(stillOpen, this.#rows))
    if (latest) this.#emitPrices()
    return this.#handOver()
  }

  #emitShort(state: SymbolWindows): void {
    state.isDirty = false
    state.emitSeconds(stillOpen, this.#rows)
    // Prices are compared with the open of the day.
    if (!state.knowsDayOpen) state.emitLong(stillOpen, this.#rows)
  }

  #emitDirty(dirty: Set<SymbolWindows>, emit: (state: SymbolWindows) => void): void {
    for (const state of dirty) emit(state)
    dirty.clear()
  }

  #emitPrices(): void {
    for (const state of this.#newPrices) {
      this.#rows.latest.push(state.latestRow())
      state.latest.isDirty = false
    }
    this.#newPrices.clear()
  }

  /** The rows of all open windows that the quiet market closes: `isQuiet(end)` says which. Nothing is forgotten. */
  closeQuiet(isQuiet: (end: number) => boolean): RowSink {
    for (const state of this.#symbols.values()) state.emitOpen((end) => (isQuiet(end) ? 1 : 0), this.#rows)
    return this.#handOver()
  }

  /** The largest end of an open hopping window, second or minute, or null: what a seal moves the watermark to. */
  lastEnd(): number | null {
    const ends = [...this.#symbols.values()].map((state) => state.lastEnd()).filter((end) => end !== null)
    return ends.length === 0 ? null : ends.reduce((a, b) => Math.max(a, b))
  }

  /** The lowest offset that a later owner must read again; null when nothing short is open. */
  lowestOffset(): number | null {
    let lowest = Number.POSITIVE_INFINITY
    for (const state of this.#symbols.values()) lowest = Math.min(lowest, state.lowestOffset())
    return lowest === Number.POSITIVE_INFINITY ? null : lowest
  }

  #foldRun(record: DecodedRecord, run: { from: number; to: number; offset: number; timestamp: number }): void {
    const { entries, repeats } = record
    const { delay } = this.#settings
    const { offset } = run
    const symbol = entries[run.from]?.s ?? ''
    const bound = this.#futureBound(record, run.timestamp)
    const state = this.#stateOf(symbol)
    const latest = state.latest
    let skip: Set<number> | null = null
    let future: Set<number> | null = null
    let watermark = this.#watermark
    let nextRepeat = 0
    for (let index = run.from; index < run.to; index++) {
      const entry = entries[index]
      if (entry === undefined) break
      if (repeats !== null && nextRepeat < repeats.length) {
        while ((repeats[nextRepeat] ?? index) < index) nextRepeat++
        if (repeats[nextRepeat] === index) {
          skip = put(skip, index)
          this.counts.repeats++
          continue
        }
      }
      const { t, p, v } = entry
      if (t > bound) {
        future = put(future, index)
        continue
      }
      if (t - delay > watermark) {
        if (this.#isTruncated) this.#beginAt(t, record.received === null ? t : bound)
        watermark = this.#watermark = t - delay
      }
      if (t >= latest.t) {
        latest.rank = t === latest.t ? latest.rank + 1 : 0
        latest.t = t
        latest.price = p
        latest.volume = v
        latest.received = record.received
        latest.isDirty = true
      }
      if (v === 0) skip = put(skip, index)
      else if (watermark < t - (t % 1000) + 1000) state.add(p, v, t, offset, index)
      else this.#late(state, { price: p, volume: v, t, offset, index })
    }
    this.#touch(state)
    if (latest.isDirty) this.#newPrices.add(state)
    this.#account({ state, entries, skip, future, record, ...run })
  }

  #account(done: {
    state: SymbolWindows
    entries: readonly Entry[]
    skip: Set<number> | null
    future: Set<number> | null
    record: DecodedRecord
    from: number
    to: number
    offset: number
    timestamp: number
  }): void {
    const { entries, future, record, from, to } = done
    const size = to - from
    const skipped = done.skip?.size ?? 0
    const repeated = record.repeats === null ? 0 : record.repeats.filter((index) => index >= from && index < to).length
    this.counts.updates += skipped - repeated
    this.counts.quarantined += future?.size ?? 0
    const trades = size - skipped - (future?.size ?? 0)
    this.counts.trades += trades
    done.state.trades += trades
    this.quarantine.observe(size, future?.size ?? 0, () => {
      const ahead = [...(future ?? [])].map((index) => (entries[index]?.t ?? 0) - (record.received ?? done.timestamp))
      return ahead.reduce((a, b) => Math.max(a, b), 0)
    })
    if (skipped === size) return
    this.#rows.trades.push({
      symbol: done.state.symbol,
      partition: this.#owner.partition,
      offset: done.offset,
      received: record.received,
      ingested: done.timestamp,
      entries,
      skip: size === entries.length ? done.skip : allBut(from, to, { entries, skip: done.skip }),
      future,
    })
  }

  #late(state: SymbolWindows, print: DirectPrint): void {
    const watermark = this.#watermark
    state.close(watermark, this.#rows)
    const outcome = state.addLate(print, watermark)
    this.counts.late++
    state.late++
    state.mostLateMs = Math.max(state.mostLateMs, watermark - print.t)
    this.#rows.late.push({
      symbol: state.symbol,
      day: dayOf(print.t),
      trade_ts: print.t,
      log_partition: this.#owner.partition,
      log_offset: print.offset,
      log_index: print.index,
      price: print.price,
      volume: print.volume,
      ...outcome,
      late_by_ms: watermark - print.t,
      incarnation: this.#owner.incarnation,
    })
  }

  #advance(watermark: number): void {
    if (this.#isTruncated) this.#beginAt(watermark, watermark)
    if (watermark > this.#watermark) this.#watermark = watermark
  }

  /** `newest`: no lost trade is newer, for none was received later. What is left may begin with a late trade. */
  #beginAt(t: number, newest: number): void {
    this.#isTruncated = false
    this.#from = Math.max(t + this.#settings.delay, newest + 1)
  }

  #futureBound(record: DecodedRecord, timestamp: number): number {
    return (record.received ?? timestamp) + record.skew + this.#settings.futureLimit
  }

  #closeDue(): void {
    for (const state of this.#symbols.values())
      if (state.nextEnd <= this.#watermark) state.close(this.#watermark, this.#rows)
  }

  #touch(state: SymbolWindows): void {
    if (state.isDirty) return
    state.isDirty = true
    for (const dirty of Object.values(this.#dirty)) dirty.add(state)
  }

  #stateOf(symbol: string): SymbolWindows {
    const known = this.#symbols.get(symbol)
    if (known !== undefined) return known
    const made = new SymbolWindows(symbol, this.#settings, { ...this.#owner, watermark: this.#watermark })
    this.#symbols.set(symbol, made)
    return made
  }

  #handOver(): RowSink {
    const rows = this.#rows
    this.#rows = noRows()
    if (this.#from === Number.NEGATIVE_INFINITY) return rows
    rows.windows = rows.windows.filter((row) => row.window_start_ts >= this.#from)
    rows.candles = rows.candles.filter((row) => row.open_ts >= this.#from)
    return rows
  }
}

const stillOpen = (): Rank => 0

const put = (set: Set<number> | null, index: number): Set<number> => (set ?? new Set<number>()).add(index)

/** The skipped indexes of one run of a record that holds several symbols. */
function allBut(from: number, to: number, of: { entries: readonly Entry[]; skip: Set<number> | null }): Set<number> {
  const skip = new Set(of.skip)
  for (const index of of.entries.keys()) if (index < from || index >= to) skip.add(index)
  return skip
}

function endOfRun(entries: readonly Entry[], from: number): number {
  const symbol = entries[from]?.s
  let to = from + 1
  while (to < entries.length && entries[to]?.s === symbol) to++
  return to
}
