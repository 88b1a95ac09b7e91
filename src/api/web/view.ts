import { INTERVALS, type Interval } from '../../trade.ts'

/** What the page shows; it lives in the address, as `#SYMBOL/interval`, so that a link shows the same. */
export interface View {
  symbol: string | null
  interval: Interval
}

const FALLBACK: Interval = '1m'

export function readView(hash: string): View {
  const text = decodeURIComponent(hash.replace(/^#/, ''))
  const slash = text.lastIndexOf('/')
  const symbol = slash < 0 ? text : text.slice(0, slash)
  const interval = INTERVALS.find((known) => known === text.slice(slash + 1)) ?? FALLBACK
  return { symbol: symbol === '' ? null : symbol, interval }
}

export const writeView = ({ symbol, interval }: View): string => `#${encodeURIComponent(symbol ?? '')}/${interval}`
