import { dayOf, INTERVAL_MS, type Interval, type LateRow, type RollupRow } from '../../../trade.ts'
import type { Restored, RestoreQuery } from '../../store.ts'
import { PARENTS, startOf } from '../restore.ts'
import type { Reader } from './session.ts'
import { decoderOf, TABLES } from './tables.ts'

const OWNED = 'log_partition = ? AND incarnation = ? AND day = ?'

/**
 * Everything asked for starts in the UTC day of the watermark: no candle is longer, and nothing late starts behind
 * the watermark. So each table is asked for one partition, and in it only for what can be wanted.
 */
export async function restoreFrom(reader: Reader, query: RestoreQuery): Promise<Restored> {
  const [rollups, late] = await Promise.all([
    Promise.all(PARENTS.map(([interval, parent]) => rollupsOf(reader, query, { interval, parent }))),
    Promise.all(PARENTS.map(([, interval]) => lateOf(reader, query, interval))),
  ])
  return {
    rollups: rollups
      .flat()
      .sort(
        (a, b) =>
          a.start_ts - b.start_ts ||
          INTERVAL_MS[a.interval] - INTERVAL_MS[b.interval] ||
          (a.symbol < b.symbol ? -1 : 1),
      ),
    late: late.flat().sort((a, b) => a.log_offset - b.log_offset || a.log_index - b.log_index),
  }
}

const ownerOf = ({ partition, incarnation, watermark }: RestoreQuery): (number | string)[] => [
  partition,
  incarnation,
  dayOf(watermark),
]

/**
 * The rows lie by symbol and then by time: it jumps from symbol to symbol and takes the end of each, for a whole day
 * would be hundreds of times as much.
 */
async function rollupsOf(
  reader: Reader,
  query: RestoreQuery,
  { interval, parent }: { interval: Interval; parent: Interval },
): Promise<RollupRow[]> {
  const { columns, types } = TABLES.rollups
  const table = `${reader.keyspace}.rollup WHERE ${OWNED} AND interval = ?`
  const owner = [...ownerOf(query), interval]
  const decode = decoderOf<RollupRow>(columns, types)
  const range = [startOf(query.watermark, parent), query.watermark - INTERVAL_MS[interval]]
  const fetch = async (symbol: string) => {
    const select = `SELECT ${columns.join()} FROM ${table} AND symbol = ? AND start_ts >= ? AND start_ts <= ?`
    return (await reader.execute(select, [...owner, symbol, ...range])).rows.map(decode)
  }
  const found: Promise<RollupRow[]>[] = []
  for (let symbol: string | null = ''; symbol !== null;) {
    const select = `SELECT symbol FROM ${table} AND symbol > ? LIMIT 1`
    const next: unknown = (await reader.execute(select, [...owner, symbol])).rows[0]?.['symbol']
    symbol = typeof next === 'string' ? next : null
    if (symbol !== null) found.push(fetch(symbol))
  }
  return (await Promise.all(found)).flat()
}

async function lateOf(reader: Reader, query: RestoreQuery, interval: Interval): Promise<LateRow[]> {
  const { columns, types } = TABLES.entries
  const select = `SELECT ${columns.join()} FROM ${reader.keyspace}.late_entries
    WHERE ${OWNED} AND entry_interval = ? AND trade_ts >= ?`
  const params = [...ownerOf(query), interval, startOf(query.watermark, interval)]
  const decode = decoderOf<LateRow>(columns, types)
  const found: LateRow[] = []
  let pageState: string | undefined
  do {
    const page = await reader.execute(select, params, { pageState })
    for (const row of page.rows.map(decode)) if (row.log_offset <= query.processed) found.push(row)
    pageState = page.pageState ?? undefined
  } while (pageState !== undefined)
  return found
}
