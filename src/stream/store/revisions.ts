import type { CandleRow, Stamped, TradeRow, WindowRow } from '../../trade.ts'
import type { Store } from '../store.ts'

/** By what rule windows were made anew: the settings, all in ms, and how it departs from the usual one. */
export interface ReprocessRule {
  window: number
  hop: number
  delay: number
  futureLimit: number
  /** Marked repeats count as trades. */
  ignoreMarks: boolean
  /** Late trades count in all of their windows. */
  includeLate: boolean
  /** Of the program. */
  version: string
}

/** A range of the log that was folded again: windows within `[from, to)` that the watermark had closed. */
export interface ReprocessRun {
  id: string
  /** Unix ms. */
  at: number
  from: number
  to: number
  /** Null: all. */
  symbols: readonly string[] | null
  rule: ReprocessRule
  /** How far each partition was read: only records before that count. */
  ends: readonly number[]
  /** Null while it is under way, and for ever where it was cut short. */
  rows: number | null
}

/** What a revision writes. The repeats are complete rows of `trades`. */
export interface Revised {
  windows: readonly WindowRow[]
  candles: readonly CandleRow[]
  repeats: readonly TradeRow[]
}

/** A store whose finished rows can be replaced. */
export interface RevisableStore extends Store {
  /**
   * Writes windows and candles over what is there, with a stamp (µs) later than `now` (ms) and later than theirs, as
   * the next revision. Resolves when durable.
   */
  revise(rows: Revised, now: number): Promise<void>
  /** All of them, in the order of their times. */
  runs(): Promise<readonly ReprocessRun[]>
  /** Adds one, or replaces the one of the same id. */
  recordRun(run: ReprocessRun): Promise<void>
}

/** What there is of a row that is to be replaced. */
export interface RevisedFrom {
  revision: number
  /** µs */
  stamp: number
}

/** The row as it is to be written over what is there. */
export const revisedRow = <Row extends WindowRow | CandleRow>(
  row: Row,
  before: RevisedFrom | null,
  now: number,
): Stamped<Row> =>
  Object.assign({}, row, {
    revision: (before?.revision ?? 0) + 1,
    stamp: Math.max(now * 1000, (before?.stamp ?? 0) + 1),
  })

/** A run as the columns of `reprocess_runs`. */
export interface RunRecord {
  id: string
  at: number
  from_ts: number
  to_ts: number
  symbols: string | null
  rule: string
  log_ends: string
  rows: number | null
}

export const runRecord = ({ id, at, from, to, symbols, rule, ends, rows }: ReprocessRun): RunRecord => ({
  id,
  at,
  from_ts: from,
  to_ts: to,
  symbols: symbols === null ? null : JSON.stringify(symbols),
  rule: JSON.stringify(rule),
  log_ends: JSON.stringify(ends),
  rows,
})

export const runOf = (record: RunRecord): ReprocessRun => ({
  id: record.id,
  at: record.at,
  from: record.from_ts,
  to: record.to_ts,
  symbols: record.symbols === null ? null : (JSON.parse(record.symbols) as string[]),
  rule: JSON.parse(record.rule) as ReprocessRule,
  ends: JSON.parse(record.log_ends) as number[],
  rows: record.rows,
})
