import type { Tables } from '../stream/store.ts'

export type ExportTable = 'trades' | 'candles' | 'windows' | 'gaps'

/** Makes rows the bytes of a file, in one format. */
export interface Sink<Row> {
  /** Called with the rows in the order of the file; resolves when more may come. */
  rows(rows: readonly Row[]): Promise<void>
  /** Writes what the file needs to be whole. Not called for one that is given up. */
  end(): Promise<void>
}

/** Awaited, so that a slow reader makes the export wait; may use the bytes until it resolves. */
export type Write = (chunk: string | Uint8Array) => void | Promise<void>

export type OpenSink = <Table extends ExportTable>(table: Table, write: Write) => Promise<Sink<Tables[Table]>>
