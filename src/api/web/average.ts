import type { CandleRow, WindowRow } from '../../trade.ts'

export interface AveragePoint {
  /** `open_ts` of the bar that it belongs to, ms. */
  time: number
  value: number
}

/**
 * The running average on the axis of the candles. A window belongs to the newest bar that opens before its end; of
 * several the last counts. Windows that still lie ahead, except the one that ends next, hold too little to be shown.
 */
export function averageLine(
  windows: readonly WindowRow[],
  candles: readonly CandleRow[],
  newestTrade: number,
): AveragePoint[] {
  const points: AveragePoint[] = []
  let bar = 0
  for (const { window_end_ts: end, vwap } of windows) {
    while (bar + 1 < candles.length && (candles[bar + 1]?.open_ts ?? 0) < end) bar++
    const time = candles[bar]?.open_ts
    if (time === undefined) break
    const last = points.at(-1)
    if (time < end && last?.time === time) last.value = vwap
    else if (time < end) points.push({ time, value: vwap })
    if (end > newestTrade) break
  }
  return points
}

/** The window that counts as now: the first that ends after the newest trade, else the newest. */
export const currentWindow = (windows: readonly WindowRow[], newestTrade: number): WindowRow | undefined =>
  windows.findLast((_, index) => (windows[index - 1]?.window_end_ts ?? 0) <= newestTrade)
