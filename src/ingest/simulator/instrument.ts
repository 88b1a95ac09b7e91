import { Random, hashText } from './random.ts'

/** What a symbol's market is like. */
export interface Instrument {
  symbol: string
  description: string
  kind: 'crypto' | 'stock'
  /** The price its path swings around. */
  level: number
  /** Of prices. */
  decimals: number
  /** Standard deviation of a year's log return. */
  volatility: number
  /** A common print: units of crypto, or shares. */
  size: number
  /** Its part of the trade rate; the default symbols together have 1. */
  weight: number
}

type Facts = readonly [symbol: string, description: string, level: number, decimals: number, volatility: number]

const crypto = (facts: Facts, size: number, weight: number): Instrument => ({
  ...named(facts),
  kind: 'crypto',
  size,
  weight,
})
const stock = (facts: Facts, weight: number): Instrument => ({ ...named(facts), kind: 'stock', size: 100, weight })
const named = ([symbol, description, level, decimals, volatility]: Facts) => ({
  symbol,
  description,
  level,
  decimals,
  volatility,
})

export const DEFAULT_SYMBOLS = ['BINANCE:BTCUSDT', 'BINANCE:ETHUSDT', 'BINANCE:XRPUSDT', 'BINANCE:DOGEUSDT'] as const

/** Those with prices that a person would recognise. Every other symbol gets a market from its name. */
export const WELL_KNOWN: readonly Instrument[] = [
  crypto(['BINANCE:BTCUSDT', 'Binance BTCUSDT', 90_400, 2, 0.55], 0.006, 0.42),
  crypto(['BINANCE:ETHUSDT', 'Binance ETHUSDT', 3_020, 2, 0.7], 0.12, 0.28),
  crypto(['BINANCE:XRPUSDT', 'Binance XRPUSDT', 2.06, 4, 0.85], 120, 0.17),
  crypto(['BINANCE:DOGEUSDT', 'Binance DOGEUSDT', 0.1985, 5, 0.95], 900, 0.13),
  crypto(['BINANCE:SOLUSDT', 'Binance SOLUSDT', 141, 2, 0.9], 2.5, 0.2),
  crypto(['BINANCE:BNBUSDT', 'Binance BNBUSDT', 872, 2, 0.6], 0.4, 0.12),
  crypto(['BINANCE:ADAUSDT', 'Binance ADAUSDT', 0.43, 4, 0.9], 500, 0.08),
  crypto(['BINANCE:LTCUSDT', 'Binance LTCUSDT', 86, 2, 0.75], 2, 0.06),
  stock(['AAPL', 'APPLE INC', 268, 2, 0.26], 0.25),
  stock(['MSFT', 'MICROSOFT CORP', 478, 2, 0.25], 0.2),
  stock(['NVDA', 'NVIDIA CORP', 181, 2, 0.45], 0.35),
  stock(['AMZN', 'AMAZON.COM INC', 226, 2, 0.32], 0.2),
  stock(['GOOGL', 'ALPHABET INC-CL A', 302, 2, 0.3], 0.18),
  stock(['META', 'META PLATFORMS INC-CLASS A', 598, 2, 0.36], 0.15),
  stock(['TSLA', 'TESLA INC', 395, 2, 0.58], 0.35),
  stock(['SPY', 'SS SPDR S&P 500 ETF TRUST-US', 662, 2, 0.16], 0.3),
]

const byName = new Map(WELL_KNOWN.map((instrument) => [instrument.symbol, instrument]))

/** The market of a symbol. Anything with a colon is taken for crypto or currency, the rest for a stock. */
export const instrumentOf = (symbol: string): Instrument => byName.get(symbol) ?? invented(symbol)

function invented(symbol: string): Instrument {
  const random = new Random(hashText(symbol, 1))
  if (!symbol.includes(':')) {
    const level = 8 * 60 ** random.next()
    return stock([symbol, symbol, level, 2, 0.2 + 0.5 * random.next()], 0.05)
  }
  const level = 0.01 * 100_000 ** random.next()
  const decimals = level < 1 ? 5 : level < 20 ? 4 : 2
  const description = symbol.replace(
    /^(.)(.*):/,
    (_all, first: string, rest: string) => `${first}${rest.toLowerCase()} `,
  )
  return crypto([symbol, description, level, decimals, 0.5 + 0.6 * random.next()], 250 / level, 0.05)
}
