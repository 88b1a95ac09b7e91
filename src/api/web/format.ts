const numbers = new Map<number, Intl.NumberFormat>()

function fixed(decimals: number): Intl.NumberFormat {
  const known = numbers.get(decimals)
  if (known !== undefined) return known
  const made = new Intl.NumberFormat('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
  numbers.set(decimals, made)
  return made
}

const MOST_DECIMALS = 12
/** A number of binary fractions says nothing beyond. */
const EXACT_DECIMALS = 8
/** Beyond what suits the size of a price; more is noise of one print. */
const MOST_EXTRA = 2

/** Decimals that suit a price of this size: cents for hundreds, more below, and four figures of the very small. */
function decimalsFor(price: number): number {
  if (price >= 100 || price <= 0) return 2
  if (price >= 1) return 4
  return Math.min(MOST_DECIMALS, Math.max(5, 3 + Math.ceil(-Math.log10(price))))
}

const decimalsOf = (price: number): number =>
  price
    .toFixed(EXACT_DECIMALS)
    .replace(/\.?0+$/, '')
    .split('.')[1]?.length ?? 0

/** How the prices of one symbol are written: as finely as it was seen to trade, within reason. */
export class PriceFormat {
  #decimals = 0

  get decimals(): number {
    return this.#decimals
  }

  learn(price: number): void {
    const least = decimalsFor(price)
    const wanted = Math.max(least, Math.min(decimalsOf(price), least + MOST_EXTRA))
    if (wanted > this.#decimals) this.#decimals = wanted
  }

  text(price: number): string {
    return fixed(this.#decimals || decimalsFor(price)).format(price)
  }
}

export class PriceFormats {
  readonly #bySymbol = new Map<string, PriceFormat>()

  of(symbol: string): PriceFormat {
    const format = this.#bySymbol.get(symbol) ?? new PriceFormat()
    this.#bySymbol.set(symbol, format)
    return format
  }
}

export function formatSize(size: number): string {
  if (size >= 1e9) return `${fixed(2).format(size / 1e9)}B`
  if (size >= 1e6) return `${fixed(2).format(size / 1e6)}M`
  if (Number.isInteger(size)) return fixed(0).format(size)
  if (size < 0.00001) return size.toPrecision(2)
  return fixed(size >= 1_000 ? 1 : size >= 100 ? 2 : size >= 1 ? 4 : 5).format(size)
}

/** `+0.31 %`, with a real minus sign. */
export const formatChange = (percent: number): string =>
  `${percent < 0 ? '−' : '+'}${fixed(2).format(Math.abs(percent))} %`

export const signOf = (change: number): 'up' | 'down' | '' => (change > 0 ? 'up' : change < 0 ? 'down' : '')

/** `hh:mm:ss` in UTC. */
export const formatClock = (ts: number): string => new Date(ts).toISOString().slice(11, 19)

/** `hh:mm:ss.mmm` in UTC. */
export const formatTradeTime = (ts: number): string => new Date(ts).toISOString().slice(11, 23)

/** `YYYY-MM-DD hh:mm` in UTC, with seconds where the bars are that short, without a time for whole days. */
export const formatBarTime = (ts: number, barMs: number): string =>
  new Date(ts)
    .toISOString()
    .slice(0, barMs >= 86_400_000 ? 10 : barMs < 60_000 ? 19 : 16)
    .replace('T', ' ')

/** `YYYY-MM-DD hh:mm:ss – hh:mm:ss` in UTC, with a second date where it is another. */
export function formatSpan(from: number, to: number): string {
  const [first, last] = [from, to].map((ts) => new Date(ts).toISOString().slice(0, 19).replace('T', ' ')) as [
    string,
    string,
  ]
  return `${first} – ${first.slice(0, 10) === last.slice(0, 10) ? last.slice(11) : last}`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** The two largest units of it, such as `9 min 50 s`; below a second in ms. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const largest = UNITS.findIndex(([, size]) => ms >= size)
  let left = ms
  const parts = UNITS.slice(largest, largest + 2).map(([unit, size]) => {
    const count = Math.floor(left / size)
    left -= count * size
    return count === 0 ? '' : `${count} ${unit}`
  })
  return parts.filter((part) => part !== '').join(' ')
}
