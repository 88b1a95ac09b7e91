import type { LateRow, TradeRow } from '../trade.ts'
import type { ExpectedLate } from './expected-rows.ts'
import { idOf } from './ledger.ts'
import type { Difference } from './report.ts'

export type TableRow = TradeRow | LateRow | ExpectedLate

interface Comparing {
  kind: Difference['kind']
  columns: readonly string[]
  /** What a row is that is not expected. */
  unknown: (row: TableRow) => string
}

/** Of rows by `rowKey`. */
export function differencesBetween(
  stored: ReadonlyMap<string, TableRow>,
  expected: ReadonlyMap<string, TableRow>,
  { kind, columns, unknown }: Comparing,
): Difference[] {
  const missing = [...expected]
    .filter(([key]) => !stored.has(key))
    .map(([, row]) => ({ kind, key: nameOf(row), column: 'row', stored: undefined, expected: 'a row' }))
  const others = [...stored].flatMap(([key, row]): Difference[] => {
    const wanted = expected.get(key)
    const name = nameOf(row)
    if (wanted === undefined) return [{ kind, key: name, column: 'row', stored: unknown(row), expected: undefined }]
    return columns
      .map((column) => ({ kind, key: name, column, stored: valueOf(row, column), expected: valueOf(wanted, column) }))
      .filter((difference) => difference.stored !== difference.expected)
  })
  return [...missing, ...others]
}

export const rowKey = (row: TableRow): string => `${idOf(row)} ${row.symbol} ${row.trade_ts}`

const nameOf = (row: TableRow): string => `${idOf(row)} ${row.symbol} at ${row.trade_ts}`
const valueOf = (row: TableRow, column: string): unknown =>
  (row as unknown as Readonly<Record<string, unknown>>)[column]
