/** The gaps of one answer's rows, read once. */
import type { TimeRange } from '../trade.ts'
import { collect } from './paging.ts'
import type { StoreReader } from './store-reader.ts'

export interface Ledger {
  /** Whether a gap of the symbol overlaps the range. */
  hasGap(symbol: string, range: TimeRange): boolean
}

export async function readLedger(store: StoreReader, symbols: readonly string[], range: TimeRange): Promise<Ledger> {
  const gaps = new Map<string, TimeRange[]>()
  // In order of their beginnings: of what overlaps or adjoins one range is made, so that the ends are in order too.
  for (const { symbol, from_ts, to_ts } of await collect(store, 'gaps', { symbols, ...range })) {
    const known = gaps.get(symbol)
    const last = known?.at(-1)
    if (known === undefined) gaps.set(symbol, [{ from: from_ts, to: to_ts }])
    else if (last !== undefined && from_ts <= last.to) last.to = Math.max(last.to, to_ts)
    else known.push({ from: from_ts, to: to_ts })
  }
  return {
    hasGap(symbol, { from, to }) {
      const gap = firstEndingAfter(gaps.get(symbol) ?? [], from)
      return gap !== undefined && gap.from < to
    },
  }
}

function firstEndingAfter(gaps: readonly TimeRange[], time: number): TimeRange | undefined {
  let low = 0
  let high = gaps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((gaps[middle]?.to ?? 0) > time) high = middle
    else low = middle + 1
  }
  return gaps[low]
}
