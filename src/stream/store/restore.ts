import type { Database } from 'bun:sqlite'

import { INTERVAL_MS, type Interval, type LateRow, type RollupRow } from '../../trade.ts'
import type { Restored, RestoreQuery } from '../store.ts'
import { COLUMNS } from './columns.ts'
import { ROLLUP_COLUMNS } from './insert.ts'

/** Intervals that have rollups, and the candle each goes into. */
export const PARENTS = [
  ['1m', '5m'],
  ['5m', '15m'],
  ['15m', '1h'],
  ['1h', '1d'],
] as const satisfies readonly (readonly [Interval, Interval])[]

export const startOf = (ts: number, interval: Interval): number =>
  Math.floor(ts / INTERVAL_MS[interval]) * INTERVAL_MS[interval]

export const restoreFrom = (db: Database, query: RestoreQuery): Restored => ({
  rollups: rollupsOf(db, query),
  late: lateOf(db, query),
})

/** A parent ends behind the watermark exactly when it starts at or behind the parent that holds the watermark. */
function rollupsOf(db: Database, { partition, incarnation, watermark }: RestoreQuery): RollupRow[] {
  const select = db.query<RollupRow, [number, number, Interval, number, number]>(
    `SELECT ${ROLLUP_COLUMNS.join()}, day FROM rollup
     WHERE log_partition = ? AND incarnation = ? AND interval = ? AND start_ts >= ? AND start_ts <= ?`,
  )
  const rows = PARENTS.flatMap(([interval, parent]) =>
    select.all(partition, incarnation, interval, startOf(watermark, parent), watermark - INTERVAL_MS[interval]),
  )
  return rows.sort(
    (a, b) =>
      a.start_ts - b.start_ts || INTERVAL_MS[a.interval] - INTERVAL_MS[b.interval] || (a.symbol < b.symbol ? -1 : 1),
  )
}

function lateOf(db: Database, { partition, incarnation, watermark, processed }: RestoreQuery): LateRow[] {
  const intervals = PARENTS.map(([, parent]) => parent)
  const select = db.query<LateRow, number[]>(
    `SELECT ${COLUMNS.late.join()} FROM late_trades INDEXED BY late_trades_restore
     WHERE log_partition = ? AND incarnation = ? AND trade_ts >= ? AND log_offset <= ?
       AND entry_interval IN ('5m', '15m', '1h', '1d')
       AND (${intervals.map((interval) => `entry_interval = '${interval}' AND trade_ts >= ?`).join(' OR ')})
     ORDER BY log_offset, log_index`,
  )
  const starts = intervals.map((interval) => startOf(watermark, interval))
  return select.all(partition, incarnation, Math.min(...starts), processed, ...starts)
}
