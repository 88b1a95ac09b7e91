/**
 * The published rules, written a second time: nothing here or beside it shares code with the engine, so that both
 * would have to be wrong in the same way. Plain on purpose: every window is summed by itself.
 */
import { type Interval, INTERVAL_MS, INTERVALS } from '../trade.ts'

/** What decides which windows a trade is in. All times in ms. */
export interface Rules {
  window: number
  hop: number
  delay: number
  futureLimit: number
  /** Marked repeats count as trades. */
  ignoreMarks: boolean
  /** A trade counts in all of its windows, however late it came. */
  includeLate: boolean
}

/** A hopping window, or a candle by its interval. */
export type Kind = 'window' | Interval
export const KINDS: readonly Kind[] = ['window', ...INTERVALS]

/** `[start, end)` in unix ms. */
export interface Span {
  kind: Kind
  start: number
  end: number
}

/** Every window that holds the time: the hopping ones by their ends, then the candles, shortest first. */
export function spansOf(t: number, { window, hop }: Pick<Rules, 'window' | 'hop'>): Span[] {
  const spans: Span[] = []
  const pane = Math.floor(t / hop) * hop
  for (let end = pane + hop; end <= pane + window; end += hop) spans.push({ kind: 'window', start: end - window, end })
  for (const kind of INTERVALS) {
    const size = INTERVAL_MS[kind]
    const start = Math.floor(t / size) * size
    spans.push({ kind, start, end: start + size })
  }
  return spans
}

/** How long a window of this kind is, ms. */
export const lengthOf = (kind: Kind, { window }: Pick<Rules, 'window'>): number =>
  kind === 'window' ? window : INTERVAL_MS[kind]

/** What a late trade missed and the smallest candle it still entered, as `late_trades` says it; null: it was not late. */
export function latenessOf(
  t: number,
  watermark: number,
  rules: Pick<Rules, 'window' | 'hop'>,
): { missed: string; entry: Interval | '' } | null {
  const spans = spansOf(t, rules)
  const missed = spans.filter(({ end }) => watermark >= end)
  if (missed.length === 0) return null
  const open = spans.find(({ kind, end }) => kind !== 'window' && kind !== '1s' && watermark < end)
  const names = missed.map(({ kind, end }) => (kind === 'window' ? `${rules.window / 1000}s@${end}` : kind))
  return { missed: names.join(','), entry: open === undefined ? '' : (open.kind as Interval) }
}
