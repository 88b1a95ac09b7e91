import type { Retention } from '../retention.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** What a restart may need outlives every shorter retention. */
const RECOVERY_MS = 3 * DAY_MS
/** Cassandra stores when a row expires in 31 bits: what would be kept beyond January 2038 is kept for ever. */
const LAST_EXPIRY_S = 2 ** 31 - 2

/** Seconds that rows live from their writing; null: for ever. */
export interface Ttls {
  trades: number | null
  candles: number | null
  /** Rows that only a restart reads. */
  internal: number | null
}

export function ttlsOf({ tradesMs, candlesMs }: Retention, now: number): Ttls {
  const ttl = (ms: number | null): number | null => {
    if (ms === null) return null
    const seconds = Math.max(1, Math.ceil(ms / 1000))
    return now / 1000 + seconds > LAST_EXPIRY_S ? null : seconds
  }
  return {
    trades: ttl(tradesMs),
    candles: ttl(candlesMs),
    internal: ttl(tradesMs === null ? null : Math.max(tradesMs, RECOVERY_MS)),
  }
}

const WINDOWS = [
  [1, 'MINUTES', MINUTE_MS],
  [10, 'MINUTES', 10 * MINUTE_MS],
  [1, 'HOURS', HOUR_MS],
  [6, 'HOURS', 6 * HOUR_MS],
  [1, 'DAYS', DAY_MS],
  [7, 'DAYS', 7 * DAY_MS],
  [30, 'DAYS', 30 * DAY_MS],
] as const

/** Files by time, some 7 to 42 of them, so that a whole file goes when all in it has expired. */
function timeWindowed(retentionMs: number): string {
  const [size, unit] = WINDOWS.findLast(([, , ms]) => ms * 7 <= retentionMs) ?? WINDOWS[0]
  return `WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': '${unit}',
    'compaction_window_size': '${size}', 'unchecked_tombstone_compaction': 'true'} AND gc_grace_seconds = 86400`
}

/** What stands for each `$..._options` when a table is made. A later change of the retention only changes the TTL. */
export function tableOptions({ tradesMs, candlesMs }: Retention): Readonly<Record<string, string>> {
  const windowed = (ms: number | null) => (ms === null ? '' : timeWindowed(ms))
  return {
    trades_options: windowed(tradesMs),
    windows_options: windowed(candlesMs),
    // Also where only the seconds in it expire: they are nearly all of it.
    candles_options: windowed(candlesMs ?? tradesMs),
    internal_options: windowed(tradesMs === null ? null : Math.max(tradesMs, RECOVERY_MS)),
  }
}
