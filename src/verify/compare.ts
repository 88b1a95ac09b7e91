import { bucketOf, type CandleRow, dayOf, type WindowRow } from '../trade.ts'
import type { Store } from '../stream/store.ts'
import type { Kind } from './rules.ts'
import type { Values } from './sums.ts'
import type { Expected } from './windows.ts'

/** What a row may be. */
export interface Candidate {
  expected: Expected
  /** Just as well: what a reprocessing that was cut short would have made of it. */
  others: readonly Values[]
  /** A reprocessing covered it. */
  isCovered: boolean
  /** There may be no row. */
  isOptional: boolean
}

/** A stretch of one kind of rows of one symbol, `[from, to)` by window_end_ts or open_ts. */
export interface Group {
  symbol: string
  kind: Kind
  from: number
  to: number
}

export type Row = WindowRow | CandleRow

export interface Mismatch {
  time: number
  /** Null: the log knows no such row. */
  candidate: Candidate | null
  /** Null: there is none. */
  row: Row | null
  columns: readonly { column: string; stored: unknown; expected: unknown }[]
}

export interface Comparison {
  compared: number
  mismatches: readonly Mismatch[]
  /** Of rows that the watermark has not passed: to be believed only where the log did not go on meanwhile. */
  open: readonly Mismatch[]
  /** Silence closed a window that holds the newest trade: all open rows were written by then. */
  isSettled: boolean
  /** The stored rows that were compared and change no more, where `keepRows`. */
  rows: readonly Row[]
}

export interface CompareOptions {
  /** By time, one each. */
  candidates: ReadonlyMap<number, Candidate>
  /** Up to here (key time) the watermark has passed. */
  passed: number
  /** Offset of the newest trade of the partition. */
  newest: number
  /** Rows of windows whose newest trade came before (log's timestamp) may have been removed by retention. */
  expiredBefore: number
  keepRows?: boolean
}

export const timeOf = ({ kind, start, end }: Pick<Expected, 'kind' | 'start' | 'end'>): number =>
  kind === 'window' ? end : start

/** The rows of the store, in order of time. */
export async function* storedRows(
  store: Pick<Store, 'read'>,
  { symbol, kind, from, to }: Group,
): AsyncGenerator<readonly Row[], void> {
  if (from >= to) return
  const query = { symbols: [symbol], ...(from === Number.NEGATIVE_INFINITY ? {} : { from }), to: Math.min(to, 2 ** 52) }
  if (kind === 'window') yield* store.read('windows', query)
  else yield* store.read('candles', { ...query, intervals: [kind] })
}

/** Compares a stretch of stored rows with what they should be. */
export async function compareGroup(
  store: Pick<Store, 'read'>,
  group: Group,
  { candidates, passed, newest, expiredBefore, keepRows = false }: CompareOptions,
): Promise<Comparison> {
  const mismatches: Mismatch[] = []
  const open: Mismatch[] = []
  const missing = new Map(candidates)
  const rows: Row[] = []
  let compared = 0
  let isSettled = false
  for await (const page of storedRows(store, group))
    for (const row of page) {
      const time = 'interval' in row ? row.open_ts : row.window_end_ts
      const candidate = candidates.get(time) ?? null
      const isOpen = time > passed
      missing.delete(time)
      compared++
      if (keepRows && !isOpen) rows.push(row)
      if (isOpen && row.final && candidate?.expected.lastOffset === newest) isSettled = true
      const columns = candidate === null ? [unknownRow] : columnsOf(row, candidate)
      if (columns.length > 0) (isOpen ? open : mismatches).push({ time, candidate, row, columns })
    }
  for (const [time, candidate] of missing) {
    const { expected, isOptional } = candidate
    if (isOptional || expected.touched < expiredBefore) continue
    if (expected.isPast) compared++
    const columns = [missingRow(expected)]
    ;(expected.isPast ? mismatches : open).push({ time, candidate, row: null, columns })
  }
  return { compared, mismatches: mismatches.sort(byTime), open: open.sort(byTime), isSettled, rows }
}

const byTime = (a: Mismatch, b: Mismatch): number => a.time - b.time

const unknownRow = { column: 'row', stored: 'a row', expected: undefined }
const missingRow = ({ values }: Expected) => ({ column: 'row', stored: undefined, expected: `n = ${values.n}` })

/** The columns that are wrong; none where the row fits any of the candidate's values. */
function columnsOf(row: Row, { expected, others, isCovered }: Candidate): Mismatch['columns'] {
  const wrong = [...valuesOf(row, expected.values), ...frameOf(row, expected)]
  if (!isCovered && row.revision !== 0) wrong.push({ column: 'revision', stored: row.revision, expected: 0 })
  if (wrong.length > 0 && others.some((values) => valuesOf(row, values).length === 0)) return frameOf(row, expected)
  return wrong
}

/** Everything but what the trades say. */
function frameOf(row: Row, { symbol, kind, start, end, isPast }: Expected) {
  const closedBy = isPast ? 'watermark' : row.final ? 'idle' : 'open'
  const place =
    kind === 'window' ? { window_start_ts: start, day: dayOf(end) } : { bucket: bucketOf(kind, start), interval: kind }
  return exactly(row, { symbol, ...place, final: isPast || row.final, closed_by: closedBy })
}

const NEAR = ['volume', 'vwap', 'mean_price', 'mean_notional'] as const

function valuesOf(row: Row, values: Values) {
  const { n, open, high, low, close } = values
  const wrong = exactly(row, { n, open, high, low, close })
  for (const column of NEAR) {
    if (!(column in row)) continue
    const stored = columnOf(row, column)
    if (!isNear(stored, values[column])) wrong.push({ column, stored, expected: values[column] })
  }
  return wrong
}

const columnOf = (row: Row, column: string): unknown => (row as unknown as Readonly<Record<string, unknown>>)[column]

const exactly = (row: Row, wanted: Readonly<Record<string, unknown>>) =>
  Object.entries(wanted)
    .filter(([column, expected]) => columnOf(row, column) !== expected)
    .map(([column, expected]) => ({ column, stored: columnOf(row, column), expected }))

/** To 1e-9; sums that overflowed are no number and are stored as such, or as null. */
function isNear(stored: unknown, expected: number): boolean {
  if (!Number.isFinite(expected)) return stored === null || !Number.isFinite(stored)
  return typeof stored === 'number' && Math.abs(stored - expected) <= 1e-9 * Math.abs(expected)
}
