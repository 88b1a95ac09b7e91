import type { SimRecord } from './log.ts'
import { type Interval, INTERVAL_MS, INTERVALS } from '../../src/trade.ts'

/**
 * The published rules for one partition, once more and as plainly as they can be: every window keeps the list of its
 * trades. Nothing of the engine's own is used.
 */

export interface Rules {
  window: number
  hop: number
  delay: number
  futureLimit: number
}

export interface Print {
  p: number
  v: number
  t: number
  offset: number
  index: number
}

export interface OracleWindow {
  symbol: string
  kind: 'window' | Interval
  start: number
  end: number
  prints: Print[]
}

export interface OracleTrade {
  symbol: string
  price: number
  volume: number
  ts: number
  received: number | null
  ingested: number
  isFuture: boolean
}

export interface OracleLate {
  missed: string
  entry: string
}

const DAY_MS = 86_400_000

export class Oracle {
  readonly rules: Rules
  readonly windows = new Map<string, OracleWindow>()
  readonly trades = new Map<string, OracleTrade>()
  readonly late = new Map<string, OracleLate>()
  readonly latest = new Map<string, { t: number; p: number }>()
  /** Until when, by symbol, beginning and cause. */
  readonly gaps = new Map<string, number>()
  /** Offsets of records that cannot be used, or not all of them. */
  readonly bad: number[] = []
  watermark = Number.NEGATIVE_INFINITY
  /** The next record. */
  position: number
  /** Windows that start before this are not known to be complete. */
  from: number
  readonly #last = new Map<string, { seq: number; k: number }>()
  #isTruncated: boolean

  /** `start`: the first record that is still in the log. */
  constructor(rules: Rules, start = 0) {
    this.rules = rules
    this.position = start
    this.#isTruncated = start > 0
    this.from = Number.NEGATIVE_INFINITY
  }

  feedAll(records: readonly SimRecord[], to: number = records.length): void {
    for (const record of records.slice(this.position, to)) this.feed(record)
  }

  feed(record: SimRecord): void {
    const { offset, plain, headers } = record
    this.position = offset + 1
    // A seal comes from the engine; nothing else does.
    this.#gap(headers['gap'])
    if (plain === null && headers['watermark'] !== undefined) this.#seal(Number(headers['watermark']))
    if (plain === null) return
    if (plain.isBroken) this.bad.push(offset)
    if (plain.isBroken || !this.#isNew(plain)) return
    if (plain.session === null && plain.skip.length > 0) this.bad.push(offset)
    const bound = (plain.received ?? record.timestamp) + plain.skew + this.rules.futureLimit
    for (const [index, { s, p, t, v }] of plain.entries.entries()) {
      if (plain.skip.includes(index)) continue
      const isFuture = t > bound
      if (v > 0 || isFuture) this.#trade(record, index, isFuture)
      if (isFuture) continue
      if (this.#isTruncated && t - this.rules.delay > this.watermark) {
        this.#isTruncated = false
        this.from = Math.max(t + this.rules.delay, plain.received === null ? t : bound + 1)
      }
      this.watermark = Math.max(this.watermark, t - this.rules.delay)
      if (t >= (this.latest.get(s)?.t ?? 0)) this.latest.set(s, { t, p })
      if (v > 0) this.#print(s, { p, v, t, offset, index })
    }
  }

  /** A gap is told by day. */
  #gap(text: string | undefined): void {
    if (text === undefined) return
    const { symbol, from, to, cause } = JSON.parse(text) as { symbol: string; from: number; to: number; cause: string }
    for (let start = from; start < to; start = Math.floor(start / DAY_MS) * DAY_MS + DAY_MS) {
      const end = Math.min(to, Math.floor(start / DAY_MS) * DAY_MS + DAY_MS)
      const key = `${symbol} ${start} ${cause}`
      this.gaps.set(key, Math.max(end, this.gaps.get(key) ?? 0))
    }
  }

  #seal(watermark: number): void {
    if (this.#isTruncated) this.from = watermark + this.rules.delay
    this.#isTruncated = false
    this.watermark = Math.max(this.watermark, watermark)
  }

  #isNew({ session, seq, k }: NonNullable<SimRecord['plain']>): boolean {
    if (session === null) return true
    const last = this.#last.get(session)
    if (last !== undefined && (seq < last.seq || (seq === last.seq && k <= last.k))) return false
    this.#last.set(session, { seq, k })
    return true
  }

  #trade({ offset, timestamp, plain }: SimRecord, index: number, isFuture: boolean): void {
    const entry = plain?.entries[index]
    if (entry === undefined) return
    const { s: symbol, p: price, v: volume, t: ts } = entry
    const received = plain?.received ?? null
    this.trades.set(`${offset}:${index}@${ts}`, { symbol, price, volume, ts, received, ingested: timestamp, isFuture })
  }

  #print(symbol: string, print: Print): void {
    const missed: string[] = []
    let entry = ''
    for (const { kind, start, end } of this.#windowsOf(print.t)) {
      if (this.watermark >= end) {
        missed.push(kind === 'window' ? `${this.rules.window / 1000}s@${end}` : kind)
        continue
      }
      if (kind !== 'window' && kind !== '1s' && entry === '') entry = kind
      const key = `${symbol} ${kind} ${start}`
      const window = this.windows.get(key)
      if (window === undefined) this.windows.set(key, { symbol, kind, start, end, prints: [print] })
      else window.prints.push(print)
    }
    if (missed.length > 0)
      this.late.set(`${print.offset}:${print.index}@${print.t}`, { missed: missed.join(','), entry })
  }

  #windowsOf(t: number): { kind: 'window' | Interval; start: number; end: number }[] {
    const { window, hop } = this.rules
    const found: { kind: 'window' | Interval; start: number; end: number }[] = []
    const last = Math.floor(t / hop) * hop
    for (let start = last - window + hop; start <= last; start += hop)
      found.push({ kind: 'window', start, end: start + window })
    for (const kind of INTERVALS) {
      const start = Math.floor(t / INTERVAL_MS[kind]) * INTERVAL_MS[kind]
      found.push({ kind, start, end: start + INTERVAL_MS[kind] })
    }
    return found
  }
}

/** The columns of a window with these trades. */
export function columnsOf({ prints, kind }: OracleWindow): Record<string, number> {
  const ordered = [...prints].sort((a, b) => a.t - b.t || a.offset - b.offset || a.index - b.index)
  const n = prints.length
  const volume = prints.reduce((sum, { v }) => sum + v, 0)
  const value = prints.reduce((sum, { p, v }) => sum + p * v, 0)
  const prices = prints.map(({ p }) => p)
  const columns = {
    n,
    open: ordered[0]?.p ?? Number.NaN,
    close: ordered.at(-1)?.p ?? Number.NaN,
    high: Math.max(...prices),
    low: Math.min(...prices),
    volume,
    vwap: value / volume,
  }
  if (kind !== 'window') return columns
  return { ...columns, mean_price: prices.reduce((a, b) => a + b, 0) / n, mean_notional: value / n }
}
