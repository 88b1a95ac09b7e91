import { type Interval, INTERVALS } from '../../trade.ts'

/** What the page shows; it lives in the address, as `#SYMBOL/interval`, so that a link shows the same. */
export interface View {
  symbol: string | null
  interval: Interval
}

const FALLBACK: Interval = '1m'

export function readView(hash: string): View {
  const text = decoded(hash.replace(/^#/, ''))
  const slash = text.lastIndexOf('/')
  const interval = INTERVALS.find((known) => known === text.slice(slash + 1))
  const symbol = interval !== undefined && slash >= 0 ? text.slice(0, slash) : text
  return { symbol: symbol === '' ? null : symbol, interval: interval ?? FALLBACK }
}

/** Colons stay as they are, for the eye. */
export const writeView = ({ symbol, interval }: View): string =>
  `#${encodeURIComponent(symbol ?? '').replaceAll('%3A', ':')}/${interval}`

/** What a person typed may be no valid escape. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
