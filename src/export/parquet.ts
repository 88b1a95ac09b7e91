import { ByteWriter, ParquetWriter } from 'hyparquet-writer'

import { columnsOf, type ParquetColumn } from './parquet-columns.ts'
import type { OpenSink, Sink, Write } from './sink.ts'

/** Rows in memory, and between two places where a reader can begin: DuckDB's own size, and a page of 8 byte values stays below 1 MiB. */
export const GROUP_ROWS = 122_880

/** Row groups compressed with Snappy, which every reader knows; strings by dictionary where that makes them smaller. */
export const openParquet: OpenSink = async (table, write) => new ParquetSink(columnsOf(table), write)

class ParquetSink implements Sink<object> {
  readonly #columns: readonly ParquetColumn[]
  readonly #writer: ParquetWriter
  /** By column: what no group holds yet. */
  #waiting: unknown[][]
  #count = 0

  constructor(columns: readonly ParquetColumn[], write: Write) {
    this.#columns = columns
    this.#waiting = columns.map(() => [])
    this.#writer = new ParquetWriter({
      writer: drained(write),
      schema: [
        { name: 'root', num_children: columns.length },
        ...columns.map(({ name, element }) => ({ name, ...element })),
      ],
    })
  }

  async rows(rows: readonly object[]): Promise<void> {
    for (const row of rows) {
      this.#take(row)
      if (this.#count === GROUP_ROWS) await this.#writeGroup()
    }
  }

  async end(): Promise<void> {
    if (this.#count > 0) await this.#writeGroup()
    await this.#writer.finish()
  }

  #take(row: object): void {
    const values = row as Readonly<Record<string, unknown>>
    for (const [index, { name }] of this.#columns.entries()) this.#waiting[index]?.push(values[name])
    this.#count++
  }

  async #writeGroup(): Promise<void> {
    const columnData = this.#columns.map(({ name, convert }, index) => {
      const data = this.#waiting[index] ?? []
      return { name, data: convert === undefined ? data : data.map(convert) }
    })
    this.#waiting = this.#columns.map(() => [])
    this.#count = 0
    await this.#writer.write({ columnData, rowGroupSize: GROUP_ROWS })
  }
}

/** Gives every group away when it is whole, so that none is in memory twice. */
function drained(write: Write) {
  const bytes = new ByteWriter()
  const drain = async () => {
    await write(bytes.getBytes())
    bytes.index = 0
  }
  return Object.assign(bytes, { flush: drain, finish: drain })
}
