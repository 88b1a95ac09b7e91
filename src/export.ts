import { COLUMNS } from './stream/store/columns.ts'
import type { Query, Store, Tables } from './stream/store.ts'

export const EXPORT_TABLES = ['trades', 'candles', 'windows', 'gaps'] as const
export type ExportTable = (typeof EXPORT_TABLES)[number]

export interface ExportOptions<Table extends ExportTable> {
  store: Pick<Store, 'read'>
  table: Table
  query: Query<Tables[Table]>
  format: 'ndjson' | 'csv'
  /** Awaited, so that a slow reader makes the export wait. */
  write: (chunk: string) => void | Promise<void>
  signal: AbortSignal
}

/**
 * Writes rows page by page, in constant memory, with the columns of the documentation in their order and times as
 * ms; resolves to the number of rows. CSV as in RFC 4180, with a header line; symbols are written as they are, so
 * whoever opens a file of foreign symbols in a spreadsheet should import it as text.
 */
export async function exportRows<Table extends ExportTable>(options: ExportOptions<Table>): Promise<number> {
  const { store, table, query, format, write, signal } = options
  const columns = COLUMNS[table]
  const line = format === 'csv' ? csvLine : jsonLine
  if (format === 'csv') await write(`${columns.join(',')}\n`)
  let count = 0
  for await (const rows of store.read(table, query)) {
    if (signal.aborted) break
    count += rows.length
    await write(rows.map((row) => line(row, columns)).join(''))
  }
  return count
}

const jsonLine = <Row extends object>(row: Row, columns: readonly (keyof Row & string)[]): string =>
  `${JSON.stringify(row, [...columns])}\n`

const csvLine = <Row extends object>(row: Row, columns: readonly (keyof Row & string)[]): string =>
  `${columns.map((column) => csvCell(row[column])).join(',')}\n`

const csvCell = (value: unknown): string => {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
