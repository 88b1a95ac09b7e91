import { COLUMNS } from '../stream/store/columns.ts'
import type { OpenSink } from './sink.ts'

/**
 * As in RFC 4180, with a header line; symbols are written as they are, so whoever opens a file of foreign symbols in a
 * spreadsheet should import it as text.
 */
export const openCsv: OpenSink = async (table, write) => {
  const columns = COLUMNS[table]
  await write(`${columns.join(',')}\n`)
  return {
    rows: async (rows) =>
      write(rows.map((row) => `${columns.map((column) => cell(row[column])).join(',')}\n`).join('')),
    end: () => Promise.resolve(),
  }
}

const cell = (value: unknown): string => {
  if (value === null || value === undefined || value === Number.POSITIVE_INFINITY) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
