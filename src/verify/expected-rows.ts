import type { LogRecord } from '../stream/broker.ts'
import { dayOf, hourOf, type LateRow, type TradeRow } from '../trade.ts'
import type { Judged } from './judge.ts'
import { latenessOf, type Rules } from './rules.ts'

/** A row of `late_trades` as the log says it: which incarnation wrote it, it does not know. */
export type ExpectedLate = Omit<LateRow, 'incarnation'>

/** The row of `trades` of an entry. */
export function tradeRow(
  { offset, timestamp }: LogRecord,
  { entry, index }: Judged,
  rest: { partition: number; received: number | null; flags: readonly string[] },
): TradeRow {
  return {
    symbol: entry.s,
    hour: hourOf(entry.t),
    trade_ts: entry.t,
    log_partition: rest.partition,
    log_offset: offset,
    log_index: index,
    price: entry.p,
    volume: entry.v,
    conditions: (entry.c ?? []).filter((condition) => condition !== null).join(),
    received_ts: rest.received,
    ingested_ts: timestamp,
    flags: rest.flags.join(),
  }
}

/** The row of `late_trades`; null: it was not late. */
export function lateRow(
  { offset }: LogRecord,
  { entry, index, watermark }: Judged,
  { partition, rules }: { partition: number; rules: Pick<Rules, 'window' | 'hop'> },
): ExpectedLate | null {
  const lateness = latenessOf(entry.t, watermark, rules)
  if (lateness === null) return null
  return {
    symbol: entry.s,
    day: dayOf(entry.t),
    trade_ts: entry.t,
    log_partition: partition,
    log_offset: offset,
    log_index: index,
    price: entry.p,
    volume: entry.v,
    missed: lateness.missed,
    entry_interval: lateness.entry,
    late_by_ms: watermark - entry.t,
  }
}
