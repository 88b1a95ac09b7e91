const numbers = new Map<number, Intl.NumberFormat>()

function fixed(decimals: number): Intl.NumberFormat {
  const known = numbers.get(decimals)
  if (known !== undefined) return known
  const made = new Intl.NumberFormat('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
  numbers.set(decimals, made)
  return made
}

/** Decimals that suit a price of this size: cents for hundreds, more below. */
export const decimalsFor = (price: number): number => (price >= 100 ? 2 : price >= 1 ? 4 : price >= 0.01 ? 5 : 8)

export const formatPrice = (price: number): string => fixed(decimalsFor(price)).format(price)

export const formatSize = (size: number): string =>
  size >= 1_000_000
    ? `${fixed(2).format(size / 1_000_000)}M`
    : Number.isInteger(size)
      ? fixed(0).format(size)
      : fixed(size >= 100 ? 2 : 5).format(size)

export const formatChange = (percent: number): string =>
  `${percent < 0 ? '▼' : '▲'} ${fixed(2).format(Math.abs(percent))} %`

/** `hh:mm:ss` in UTC. */
export const formatClock = (ts: number): string => new Date(ts).toISOString().slice(11, 19)

/** `hh:mm:ss.mmm` in UTC. */
export const formatTradeTime = (ts: number): string => new Date(ts).toISOString().slice(11, 23)
