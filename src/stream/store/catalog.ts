import type { Interval } from '../../trade.ts'
import type { Store, TableName } from '../store.ts'
import type { Retention } from './retention.ts'

/** A number that may be an estimate, or not to be had at all. */
export interface Figure {
  /** Null: not known, and `note` says why. */
  value: number | null
  isEstimate: boolean
  /** In words, for a person: how it was found, or why it was not. */
  note: string | null
}

/** How long rows are kept, from their writing on. */
export interface Kept {
  /** Which rows of the table, in words; empty: all. */
  rows: string
  /** As this process is set; null: for ever. */
  wantedMs: number | null
  /** Whether the store does so. `unknown` where it holds no row that could tell. */
  inForce: 'as-set' | 'differs' | 'unknown'
  note: string | null
}

export interface StoredTable {
  /** Its name in the store, one of a closed list. */
  name: string
  /** As what `Store.read` reads it; null: only stockpipe itself does. */
  readAs: TableName | null
  bytes: Figure
  rows: Figure
  /** Empty where rows are no affair of a retention. */
  kept: readonly Kept[]
}

export interface Survey {
  bytes: Figure
  /** Those that are there, in the order of the closed list. */
  tables: readonly StoredTable[]
}

/** What a store tells about itself, for people. */
export interface StoreCatalog {
  /**
   * Reads a bounded amount, however much the store holds, and writes nothing. What may not be read is null with the
   * reason, never a guess. Throws a retryable error where the store does not answer.
   */
  survey(): Promise<Survey>
}

export interface CataloguedStore extends Store {
  readonly catalog: StoreCatalog
}

/** The tables that people may look into, by their names in the store. */
export const READ_AS: Readonly<Record<string, TableName>> = {
  trades: 'trades',
  running_averages_15_sec: 'windows',
  candles: 'candles',
  late_trades: 'late',
  latest: 'latest',
  gaps: 'gaps',
}

/** Which rows of a table are kept how long, by one that tells it. */
export interface Span {
  rows: string
  wantedMs: number | null
  /** Of candles: one interval that stands for them. */
  interval: Interval | null
}

export function spansOf(table: TableName, { tradesMs, candlesMs }: Retention): readonly Span[] {
  const all = (wantedMs: number | null) => [{ rows: '', wantedMs, interval: null }]
  if (table === 'trades' || table === 'late') return all(tradesMs)
  if (table === 'windows' || table === 'gaps') return all(candlesMs)
  if (table === 'latest') return []
  return [
    { rows: '1s', wantedMs: tradesMs, interval: '1s' },
    { rows: '1m and longer', wantedMs: candlesMs, interval: '1m' },
  ]
}

export const exactly = (value: number, note: string | null = null): Figure => ({ value, isEstimate: false, note })
export const about = (value: number, note: string): Figure => ({ value, isEstimate: true, note })
export const unknown = (note: string): Figure => ({ value: null, isEstimate: false, note })
