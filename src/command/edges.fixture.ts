const MIDNIGHT = Date.UTC(2026, 2, 3)

/** Times after midnight and the trades of that frame: [ms after midnight, price, volume]. */
const FRAMES: readonly (readonly (readonly [number, number, number])[])[] = [
  [[-1, 10, 1]],
  [[0, 11, 1]],
  // The watermark is exactly at midnight: what ends there is final, and the next one is late for it.
  [[15_000, 12, 1]],
  [[-1, 99, 5]],
  [[75_000, 13, 1]],
  // Late for its minute, which has just ended, and in its five minutes.
  [[59_999, 77, 2]],
  // In the last second of a minute: late for its second only.
  [[134_500, 14, 1]],
  [[118_000, 55, 3]],
  // A late and a fresh one in one record, and equal times with several prices.
  [
    [100_000, 33, 1],
    [200_000, 1, 1],
    [200_000, 2, 1],
  ],
  [[200_000, 3, 1]],
  [[200_000, 4, 0]],
]

/** A recording whose trades lie exactly on the edges of windows. */
export const edges = (): string =>
  FRAMES.map((trades, at) => {
    const data = trades.map(([after, p, v]) => ({ c: null, p, s: 'EDGE', t: MIDNIGHT + after, v }))
    return JSON.stringify({
      received: MIDNIGHT + 300_000 + at,
      conn: 0,
      frame: JSON.stringify({ data, type: 'trade' }),
    })
  }).join('\n')
