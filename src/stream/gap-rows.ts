import type { GapMark } from './codec.ts'
import { dayOf, dayStartOf, type GapRow, type Stamped } from '../trade.ts'

const DAY_MS = 86_400_000

/** The rows of a gap, one for each UTC day that it touches, so that whoever asks for a day finds it. Empty: none. */
export function gapRows({ symbol, from, to, cause, detail }: GapMark): Stamped<GapRow>[] {
  const rows: Stamped<GapRow>[] = []
  for (let start = from; start < to; start = dayStartOf(start) + DAY_MS) {
    const end = Math.min(to, dayStartOf(start) + DAY_MS)
    rows.push({ symbol, day: dayOf(start), from_ts: start, cause, to_ts: end, detail, stamp: end * 1000 })
  }
  return rows
}
