import { bucketOf, type CandleRow, INTERVAL_MS } from '../trade.ts'

export interface CarryOptions {
  /** The candle before the first one, or before the whole range. */
  previous: CandleRow | null
  /** First and last moment of the grid; `until` null: only up to the last candle. */
  from: number
  until: number | null
  limit: number
}

/**
 * Candles of one symbol and interval without holes: where there was no trade, the close before stands in for all
 * four prices, with volume and n = 0. At most `limit` rows; nothing stands before the first known price.
 */
export function carry(rows: readonly CandleRow[], options: CarryOptions): CandleRow[] {
  const filled: CandleRow[] = []
  let previous = options.previous
  const fillTo = (end: number) => {
    while (previous && filled.length < options.limit) {
      const step = INTERVAL_MS[previous.interval]
      const open = Math.max(previous.open_ts + step, Math.ceil(options.from / step) * step)
      if (open >= end) return
      previous = carried(previous, open)
      filled.push(previous)
    }
  }
  for (const row of rows) {
    fillTo(row.open_ts)
    if (filled.length >= options.limit) return filled
    filled.push(row)
    previous = row
  }
  if (options.until !== null) fillTo(options.until)
  return filled
}

const carried = (from: CandleRow, open_ts: number): CandleRow => ({
  ...from,
  open_ts,
  bucket: bucketOf(from.interval, open_ts),
  open: from.close,
  high: from.close,
  low: from.close,
  vwap: from.close,
  volume: 0,
  n: 0,
})
