import type {
  CandleRow,
  GapRow,
  Interval,
  LateRow,
  LatestRow,
  RollupRow,
  Stamped,
  TradeBatch,
  TradeRow,
  WindowRow,
} from '../trade.ts'

/** What one write carries. Every part may be empty. */
export interface Rows {
  trades: readonly TradeBatch[]
  windows: readonly Stamped<WindowRow>[]
  candles: readonly Stamped<CandleRow>[]
  late: readonly LateRow[]
  rollups: readonly RollupRow[]
  latest: readonly Stamped<LatestRow>[]
  /** The stamp is `to_ts` in µs: of two with one beginning and cause the longer one stays. */
  gaps: readonly Stamped<GapRow>[]
}

/** The tables that can be read, and the rows they give. */
export interface Tables {
  trades: TradeRow
  windows: WindowRow
  candles: CandleRow
  late: LateRow
  latest: LatestRow & { stamp: number }
  gaps: GapRow
}
export type TableName = keyof Tables

/** Which rows. Nothing given: all of them. */
export interface Query<Row> {
  symbols?: readonly string[]
  /** `candles` only. */
  intervals?: readonly Interval[]
  /** `[from, to)` on trade_ts, window_end_ts or open_ts; of gaps those that overlap it, by their part of a day. */
  from?: number
  to?: number
  /** By (symbol, interval, time, log position or cause); default `asc`. */
  order?: 'asc' | 'desc'
  /** Go on behind this row, in the same order. */
  after?: Row
  limit?: number
}

/** What a partition's owner takes back from the store after a restart: see `recovery.ts`. */
export interface RestoreQuery {
  partition: number
  incarnation: number
  watermark: number
  /** The processed offset: late trades beyond it are not yet counted. */
  processed: number
}

export interface Restored {
  /** Closed candles of this incarnation with end <= watermark whose parent's end > watermark. */
  rollups: readonly RollupRow[]
  /** Late trades with offset <= processed that entered a candle of 5 m or longer whose end > watermark. */
  late: readonly LateRow[]
}

/**
 * A server may acknowledge a row that it still holds in memory only. Rows acknowledged under one generation are there for
 * good once the lag has passed and the generation is still the same: ask for it after the lag, never before.
 */
export interface Durability {
  /** How long (ms) after its acknowledgement a row may still be lost; 0: not at all. */
  lagMs(): Promise<number>
  /** Changes whenever a server went away or began anew. */
  generation(): Promise<string>
}

export interface Store extends AsyncDisposable {
  /** Null: what is acknowledged is durable. */
  readonly durability: Durability | null
  /**
   * Writes all rows, each an upsert by its key, and resolves when durable. Writing the same rows again changes
   * nothing; of two writes of a window, candle, latest row or gap the larger `stamp` stays, whatever the order.
   * Throws a retryable error for what may pass (full disk, timeout): the caller writes the same rows again.
   */
  write(rows: Rows): Promise<void>
  restore(query: RestoreQuery): Promise<Restored>
  /** Pages of rows in the order asked for, in constant memory. */
  read<Name extends TableName>(table: Name, query: Query<Tables[Name]>): AsyncIterable<readonly Tables[Name][]>
  /** Every symbol that has a trade or a price update, sorted. */
  symbols(): Promise<readonly string[]>
  /** A store made anew has another: what was committed when there was the old one does not count for it. */
  id(): Promise<string>
  /** Removes what retention no longer keeps. `now` is by `Clock`. */
  prune(now: number): Promise<void>
}

export const noRows = (): { -readonly [Part in keyof Rows]: Rows[Part][number][] } => ({
  trades: [],
  windows: [],
  candles: [],
  late: [],
  rollups: [],
  latest: [],
  gaps: [],
})
