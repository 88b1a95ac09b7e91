/** A gap over several UTC days is one row a day in the store, and one again for whoever reads it. */
import { type GapRow, INTERVAL_MS, type TimeRange } from '../trade.ts'
import { collect } from './paging.ts'
import type { StoreReader } from './store-reader.ts'

const isMidnight = (ts: number): boolean => ts % INTERVAL_MS['1d'] === 0
const nameOf = ({ symbol, cause }: GapRow, edge: number): string => JSON.stringify([symbol, cause, edge])

/**
 * The gaps of one page of rows of a range. A row that goes on with a gap of an earlier day of the range is left out,
 * for that gap is whole where it begins, on this page or another; one whose gap began before the range is completed.
 */
export async function joinDays(store: StoreReader, rows: readonly GapRow[], range: TimeRange): Promise<GapRow[]> {
  const byStart = new Map(rows.map((row) => [nameOf(row, row.from_ts), row]))
  const byEnd = new Map(rows.map((row) => [nameOf(row, row.to_ts), row]))
  const next = (row: GapRow): Promise<GapRow | undefined> =>
    adjoining(row.to_ts, byStart.get(nameOf(row, row.to_ts)), () =>
      readBeside(store, row, { from: row.to_ts, to: row.to_ts + 1 }),
    )
  const previous = (row: GapRow): Promise<GapRow | undefined> =>
    adjoining(row.from_ts, byEnd.get(nameOf(row, row.from_ts)), () =>
      readBeside(store, row, { from: row.from_ts - 1, to: row.from_ts }),
    )
  const joined: GapRow[] = []
  for (const row of rows) {
    let before = await previous(row)
    if (before !== undefined && row.from_ts > range.from) continue
    const whole = { ...row }
    for (; before !== undefined; before = await previous(before))
      Object.assign(whole, { from_ts: before.from_ts, day: before.day })
    for (let after = await next(row); after !== undefined; after = await next(after)) whole.to_ts = after.to_ts
    joined.push(whole)
  }
  return joined
}

async function adjoining(
  edge: number,
  known: GapRow | undefined,
  read: () => Promise<GapRow | undefined>,
): Promise<GapRow | undefined> {
  return isMidnight(edge) ? (known ?? (await read())) : undefined
}

async function readBeside(store: StoreReader, row: GapRow, range: TimeRange): Promise<GapRow | undefined> {
  const beside = await collect(store, 'gaps', { symbols: [row.symbol], ...range })
  return beside.find(
    (other) => other.cause === row.cause && (other.from_ts === row.to_ts || other.to_ts === row.from_ts),
  )
}
