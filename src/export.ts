import { openCsv } from './export/csv.ts'
import { openNdjson } from './export/ndjson.ts'
import type { ExportTable, OpenSink, Write } from './export/sink.ts'
import type { Query, Store, Tables } from './stream/store.ts'

const SINKS = {
  ndjson: openNdjson,
  csv: openCsv,
  parquet: async (table, write) => (await import('./export/parquet.ts')).openParquet(table, write),
} satisfies Record<string, OpenSink>
export type ExportFormat = keyof typeof SINKS

export interface ExportOptions<Table extends ExportTable> {
  store: Pick<Store, 'read'>
  table: Table
  query: Query<Tables[Table]>
  format: ExportFormat
  write: Write
  signal: AbortSignal
}

/**
 * Writes rows page by page, in constant memory, with the columns of the documentation in their order and times as
 * ms (typed as such in Parquet); resolves to the number of rows. What was interrupted is no whole file.
 */
export async function exportRows<Table extends ExportTable>(options: ExportOptions<Table>): Promise<number> {
  const { store, table, query, format, write, signal } = options
  const open: OpenSink = SINKS[format]
  const sink = await open(table, write)
  let count = 0
  for await (const rows of store.read(table, query)) {
    if (signal.aborted) return count
    count += rows.length
    await sink.rows(rows)
  }
  if (!signal.aborted) await sink.end()
  return count
}
