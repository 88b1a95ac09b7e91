import type { TradeRow } from '../../../trade.ts'
import type { Rows } from '../../store.ts'
import type { Contents } from './contents.ts'
import { CELL_BYTES, type Packet, Packing, ROW_BYTES } from './packet.ts'
import type { Statements } from './statements.ts'
import { type Table, TABLES } from './tables.ts'

/** How rows of one part become statements. */
interface Shape<Row> {
  table: Table
  query: (row: Row) => string
  /** The write time in µs; null: the driver's own. */
  stamp: ((row: Row) => number) | null
  note?: (row: Row) => void
}

/** Everything but trades, as packets of one Cassandra partition each. */
export function* rowPackets(rows: Rows, statements: Statements, contents: Contents): Generator<Packet, void> {
  yield* packets(rows.gaps, {
    table: TABLES.gaps,
    query: () => statements.gaps,
    stamp: ({ stamp }) => stamp,
    note: ({ symbol, day }) => contents.note('gaps', symbol, day),
  })
  yield* packets(rows.windows, {
    table: TABLES.windows,
    query: () => statements.windows,
    stamp: ({ stamp }) => stamp,
    note: ({ symbol, day }) => contents.note('windows', symbol, day),
  })
  yield* packets(rows.candles, {
    table: TABLES.candles,
    query: ({ interval }) => statements.candles(interval),
    stamp: ({ stamp }) => stamp,
    note: ({ interval, symbol, bucket }) => contents.note(interval, symbol, bucket),
  })
  yield* packets(rows.late, {
    table: TABLES.late,
    query: () => statements.late,
    // Of two incarnations that met the same trade the later one's judgement stays.
    stamp: ({ incarnation }) => incarnation * 1000,
    note: ({ symbol, day }) => contents.note('late', symbol, day),
  })
  const entries = rows.late.filter(({ entry_interval }) => entry_interval !== '' && entry_interval !== '1m')
  yield* packets(entries, { table: TABLES.entries, query: () => statements.entries, stamp: null })
  yield* packets(rows.rollups, { table: TABLES.rollups, query: () => statements.rollups, stamp: null })
  yield* packets(rows.latest, {
    table: TABLES.latest,
    query: () => statements.latest,
    stamp: ({ stamp }) => stamp,
    note: ({ symbol }) => contents.noteSymbol('latest', symbol),
  })
}

/** Complete rows of `trades`, where there are few: marked repeats that are to be kept after all. */
export const tradeRowPackets = (
  rows: readonly TradeRow[],
  statements: Statements,
  contents: Contents,
): Generator<Packet, void> =>
  packets(rows, {
    table: TABLES.trades,
    query: () => statements.trades,
    stamp: null,
    note: ({ symbol, hour }) => contents.note('trades', symbol, hour),
  })

type Values = Readonly<Record<string, unknown>>

function* packets<Row extends object>(rows: readonly Row[], shape: Shape<Row>): Generator<Packet, void> {
  const { table, query, stamp, note } = shape
  const partitions = new Map<string, Packing>()
  for (const row of rows) {
    const values = row as Values
    const key = partitionKey(values, table)
    let packing = partitions.get(key)
    if (packing === undefined) {
      note?.(row)
      partitions.set(key, (packing = new Packing()))
    }
    const params = table.columns.map((column) => storable(values[column]))
    const bytes = bytesOf(params)
    if (stamp !== null) params.push(stamp(row))
    const full = packing.add({ query: query(row), params }, bytes)
    if (full !== null) yield full
  }
  for (const packing of partitions.values()) yield packing.take()
}

function partitionKey(row: Values, { partition }: Table): string {
  let key = ''
  for (const column of partition) key += `${String(row[column])}\0`
  return key
}

/** What is no number is unknown, as in the embedded store. It must be written, or an older value would show. */
const storable = (value: unknown): unknown => (Number.isNaN(value) ? null : value)

function bytesOf(params: readonly unknown[]): number {
  let bytes = ROW_BYTES + params.length * (CELL_BYTES + 8)
  for (const value of params) if (typeof value === 'string') bytes += 3 * value.length
  return bytes
}
