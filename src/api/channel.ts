import { INTERVALS, type Interval } from '../trade.ts'

export const KINDS = ['trades', 'candles', 'windows', 'latest'] as const
export type Kind = (typeof KINDS)[number]

/** Every symbol. */
export const ANY = '*'

export interface Channel {
  name: string
  kind: Kind
  /** Of candles only. */
  interval: Interval | null
  symbol: string
}

const MAX_SYMBOL = 64
const isKind = (text: string): text is Kind => (KINDS as readonly string[]).includes(text)
const isInterval = (text: string): text is Interval => (INTERVALS as readonly string[]).includes(text)

/** A channel by its name, or the sentence that says what is wrong with it. Symbols may hold colons and spaces. */
export function parseChannel(name: string): Channel | string {
  const [kind, afterKind] = split(name)
  if (!isKind(kind)) return `a channel begins with one of ${KINDS.join(', ')}, as in trades:BINANCE:BTCUSDT`
  if (kind !== 'candles') return withSymbol({ name, kind, interval: null, symbol: afterKind })
  const [interval, symbol] = split(afterKind)
  if (!isInterval(interval)) return `candles need an interval (${INTERVALS.join(', ')}), as in candles:1m:AAPL`
  return withSymbol({ name, kind, interval, symbol })
}

const withSymbol = (channel: Channel): Channel | string =>
  channel.symbol.trim() !== '' && channel.symbol.length <= MAX_SYMBOL
    ? channel
    : `a channel ends with a symbol of 1 to ${MAX_SYMBOL} characters, or * for all`

function split(text: string): [string, string] {
  const colon = text.indexOf(':')
  return colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}
