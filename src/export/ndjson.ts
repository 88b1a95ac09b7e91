import { COLUMNS } from '../stream/store/columns.ts'
import type { OpenSink } from './sink.ts'

/** One object a line. */
export const openNdjson: OpenSink = async (table, write) => {
  const columns = [...COLUMNS[table]]
  return {
    rows: async (rows) => write(rows.map((row) => `${JSON.stringify(row, columns)}\n`).join('')),
    end: () => Promise.resolve(),
  }
}
