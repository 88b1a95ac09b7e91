import type { Restored, RestoreQuery, Rows } from '../../src/stream/store.ts'
import { INTERVAL_MS, type Interval, INTERVALS, type LateRow, type RollupRow } from '../../src/trade.ts'

export interface StoredTrade {
  symbol: string
  price: number
  volume: number
  ts: number
  received: number | null
  ingested: number
  isFuture: boolean
}

type Stamped = { stamp: number }
export type StoredWindow = Rows['windows'][number]
export type StoredCandle = Rows['candles'][number]
export type StoredLatest = Rows['latest'][number]

/** The rows of a store at one moment. What it does with two writes of one key is what Cassandra does. */
export class TableSet {
  readonly trades = new Map<string, StoredTrade>()
  /** Windows and candles. */
  readonly windows = new Map<string, StoredWindow | StoredCandle>()
  readonly late = new Map<string, LateRow>()
  /** The late trades once more, as a restart asks for them. */
  readonly entries = new Map<string, LateRow>()
  readonly rollups = new Map<string, RollupRow>()
  /** By symbol, beginning and cause. */
  readonly gaps = new Map<string, Rows['gaps'][number]>()
  readonly latest = new Map<string, StoredLatest>()
  readonly #fail: (message: string) => void

  constructor(fail: (message: string) => void) {
    this.#fail = fail
  }

  clone(): TableSet {
    const copy = new TableSet(this.#fail)
    for (const name of ['trades', 'windows', 'late', 'entries', 'rollups', 'gaps', 'latest'] as const)
      for (const [key, row] of this[name]) (copy[name] as Map<string, unknown>).set(key, row)
    return copy
  }

  apply(rows: Rows): void {
    for (const batch of rows.trades) this.#trades(batch)
    for (const row of rows.windows)
      this.#keepLarger(this.windows, windowKey(row.symbol, 'window', row.window_start_ts), row)
    for (const row of rows.candles)
      this.#keepLarger(this.windows, windowKey(row.symbol, row.interval, row.open_ts), row)
    for (const row of rows.late) this.#late(row)
    for (const row of rows.rollups)
      this.#same(
        this.rollups,
        [row.log_partition, row.incarnation, row.interval, row.symbol, row.start_ts].join('|'),
        row,
      )
    for (const row of rows.gaps) this.#keepLarger(this.gaps, `${row.symbol} ${row.from_ts} ${row.cause}`, row)
    for (const row of rows.latest)
      if (row.stamp > (this.latest.get(row.symbol)?.stamp ?? -1)) this.latest.set(row.symbol, row)
  }

  restore({ partition, incarnation, watermark, processed }: RestoreQuery): Restored {
    const isMine = (row: LateRow | RollupRow) => row.log_partition === partition && row.incarnation === incarnation
    const isOpen = (interval: Interval, t: number) => endOf(interval, t) > watermark
    return {
      rollups: [...this.rollups.values()].filter((row) => {
        const parent = INTERVALS[INTERVALS.indexOf(row.interval) + 1] ?? '1d'
        return isMine(row) && !isOpen(row.interval, row.start_ts) && isOpen(parent, row.start_ts)
      }),
      late: [...this.entries.values()].filter(
        (row) =>
          isMine(row) &&
          row.log_offset <= processed &&
          row.entry_interval !== '' &&
          row.entry_interval !== '1m' &&
          isOpen(row.entry_interval, row.trade_ts),
      ),
    }
  }

  #trades({ symbol, partition, offset, entries, skip, future, received, ingested }: Rows['trades'][number]): void {
    for (const [index, { p: price, v: volume, t: ts }] of entries.entries()) {
      if (skip?.has(index)) continue
      const row = { symbol, price, volume, ts, received, ingested, isFuture: future?.has(index) ?? false }
      this.#same(this.trades, tradeKey(partition, { offset, index, ts }), row)
    }
  }

  #late(row: LateRow): void {
    const key = tradeKey(row.log_partition, { offset: row.log_offset, index: row.log_index, ts: row.trade_ts })
    this.#same(this.entries, `${row.incarnation}|${key}`, row)
    if (row.incarnation >= (this.late.get(key)?.incarnation ?? 0)) this.late.set(key, row)
  }

  /** One that is written once, and again only as it was. */
  #same<Row extends object>(map: Map<string, Row>, key: string, row: Row): void {
    const known = map.get(key)
    if (known === undefined) map.set(key, row)
    else if (!isSame(known, row)) this.#fail(`two contents of ${key}: ${JSON.stringify([known, row])}`)
  }

  #keepLarger<Row extends Stamped>(map: Map<string, Row>, key: string, row: Row): void {
    const known = map.get(key)
    if (known === undefined || row.stamp > known.stamp) map.set(key, row)
    else if (row.stamp === known.stamp && !isSame(known, row))
      this.#fail(`two contents under one stamp of ${key}: ${JSON.stringify([known, row])}`)
  }
}

function isSame(a: object, b: object): boolean {
  const other = b as Record<string, unknown>
  for (const [name, value] of Object.entries(a)) if (!Object.is(value, other[name])) return false
  return true
}

export const windowKey = (symbol: string, kind: string, start: number): string => `${symbol} ${kind} ${start}`

export const tradeKey = (partition: number, at: { offset: number; index: number; ts: number }): string =>
  `${partition}:${at.offset}:${at.index}@${at.ts}`

const endOf = (interval: Interval, t: number): number => {
  const size = INTERVAL_MS[interval]
  return t - (t % size) + size
}
