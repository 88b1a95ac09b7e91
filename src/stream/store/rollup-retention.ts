import type { Database, SQLQueryBindings } from 'bun:sqlite'

import type { Interval } from '../../trade.ts'
import type { Remover } from './remove.ts'
import type { Stretch } from './written.ts'

const DAY_MS = 86_400_000
const ROLLED_UP: readonly Interval[] = ['1m', '5m', '15m', '1h']

/** Whose state a row restores. */
interface Owner {
  log_partition: number
  incarnation: number
}

/**
 * Whether a restart may still ask for a late trade of this stretch. What makes a long candle may be needed until the
 * watermark of its partition has left its UTC day, however long that takes: over a weekend it stands still.
 */
export function isNeeded(db: Database, { symbol, start_ts }: Stretch): boolean {
  const owners = db.query<Owner, [string, number, number]>(
    `SELECT DISTINCT log_partition, incarnation FROM late_trades
     WHERE symbol = ? AND trade_ts >= ? AND trade_ts < ? AND entry_interval IN ('5m', '15m', '1h', '1d')`,
  )
  return owners.all(symbol, start_ts, start_ts + DAY_MS).some((owner) => start_ts >= dayReached(db, owner))
}

/** Removes rollups written before `cutoff` that no restart needs. Resolves to the number of rows removed. */
export async function pruneRollups(db: Database, remover: Remover, cutoff: number): Promise<number> {
  let removed = 0
  for (const owner of ownersOf(db)) {
    const day = dayReached(db, owner)
    for (const interval of ROLLED_UP) removed += await pruneInterval(db, remover, { ...owner, interval, day, cutoff })
  }
  return removed
}

/** Oldest first; it stops at the first that must stay, for those behind it leave soon enough. */
function pruneInterval(
  db: Database,
  remover: Remover,
  { log_partition, incarnation, interval, day, cutoff }: Owner & { interval: Interval; day: number; cutoff: number },
): Promise<number> {
  const firstKept = db.query<{ start_ts: number }, SQLQueryBindings[]>(
    `SELECT start_ts FROM rollup WHERE log_partition = ? AND incarnation = ? AND interval = ? AND start_ts < ?
     AND written_ts >= ? ORDER BY start_ts LIMIT 1`,
  )
  const kept = firstKept.get(log_partition, incarnation, interval, day, cutoff)
  const where = 'log_partition = ? AND incarnation = ? AND interval = ? AND start_ts < ? AND written_ts < ?'
  const values = [log_partition, incarnation, interval, kept?.start_ts ?? day, cutoff]
  return remover.remove({ table: 'rollup', time: 'start_ts', where, values })
}

/**
 * Start of the newest day in which the partition has closed a minute: proof that its watermark has left all earlier
 * ones. Behind everything when there is a later incarnation, which needs nothing of this one.
 */
function dayReached(db: Database, { log_partition, incarnation }: Owner): number {
  const later = db.query<Owner, [number, number]>(
    'SELECT log_partition, incarnation FROM rollup WHERE log_partition = ? AND incarnation > ? LIMIT 1',
  )
  if (later.get(log_partition, incarnation) !== null) return Number.MAX_SAFE_INTEGER
  const newest = db.query<{ start: number | null }, [number, number]>(
    "SELECT max(start_ts) AS start FROM rollup WHERE log_partition = ? AND incarnation = ? AND interval = '1m'",
  )
  return Math.floor((newest.get(log_partition, incarnation)?.start ?? 0) / DAY_MS) * DAY_MS
}

/** Jumps from owner to owner, whatever the number of rows. */
function ownersOf(db: Database): Owner[] {
  const next = db.query<Owner, [number, number]>(
    `SELECT log_partition, incarnation FROM rollup WHERE (log_partition, incarnation) > (?, ?)
     ORDER BY log_partition, incarnation LIMIT 1`,
  )
  const owners: Owner[] = []
  let owner = next.get(-1, 0)
  while (owner !== null) {
    owners.push(owner)
    owner = next.get(owner.log_partition, owner.incarnation)
  }
  return owners
}
