import { WELL_KNOWN, instrumentOf } from './instrument.ts'
import type { Instrument } from './instrument.ts'
import type { SimulatorOptions } from './options.ts'
import { PricePath } from './price-path.ts'

export interface RestAnswer {
  status: number
  body: unknown
}

const DAY_MS = 86_400_000
const SAMPLE_MS = 300_000

/** The few REST answers that a client of the free plan needs, about the same market. `now` is the server's. */
export function answerRest(url: URL, now: number, options: SimulatorOptions): RestAnswer {
  const path = url.pathname.replace(/^\/api\/v1\//, '')
  const parameter = (name: string) => url.searchParams.get(name) ?? ''
  switch (path) {
    case 'quote':
      return { status: 200, body: quote(parameter('symbol'), now, options) }
    case 'search':
      return { status: 200, body: search(parameter('q'), options) }
    case 'crypto/symbol':
      return {
        status: 200,
        body: listed('crypto', options)
          .filter(onExchange(parameter('exchange')))
          .map(cryptoRow),
      }
    case 'stock/symbol':
      return { status: 200, body: parameter('exchange') === 'US' ? listed('stock', options).map(stockRow) : [] }
    case 'stock/market-status':
      return { status: 200, body: marketStatus(parameter('exchange'), now) }
    default:
      return { status: 404, body: { error: 'not simulated' } }
  }
}

function all(options: SimulatorOptions): Instrument[] {
  const known = new Set(WELL_KNOWN.map((instrument) => instrument.symbol))
  const others = (options.symbols ?? []).filter((symbol) => !known.has(symbol))
  return [...WELL_KNOWN, ...others.map(instrumentOf)]
}

const listed = (kind: Instrument['kind'], options: SimulatorOptions): Instrument[] =>
  all(options).filter((instrument) => instrument.kind === kind)

const onExchange = (exchange: string) => (instrument: Instrument) =>
  instrument.symbol.toLowerCase().startsWith(`${exchange.toLowerCase()}:`)

/** Zeros for a symbol that is not listed. */
function quote(symbol: string, now: number, options: SimulatorOptions) {
  const instrument = all(options).find((listed) => listed.symbol === symbol)
  if (!instrument) return { c: 0, d: null, dp: null, h: 0, l: 0, o: 0, pc: 0, t: 0 }
  const path = new PricePath(instrument, options.seed)
  const scale = 10 ** instrument.decimals
  const at = (time: number) => Math.round(path.at(time) * scale) / scale
  const midnight = Math.floor(now / DAY_MS) * DAY_MS
  const [c, o, pc] = [at(now), at(midnight), at(midnight - 1)]
  const seen = [c, o]
  for (let time = midnight; time < now; time += SAMPLE_MS) seen.push(at(time))
  const d = Math.round((c - pc) * scale) / scale
  const dp = Math.round((d / pc) * 1_000_000) / 10_000
  return { c, d, dp, h: Math.max(...seen), l: Math.min(...seen), o, pc, t: Math.floor(now / 1000) }
}

function search(text: string, options: SimulatorOptions) {
  const wanted = text.toUpperCase()
  const found = all(options).filter(
    ({ symbol, description }) => symbol.toUpperCase().includes(wanted) || description.toUpperCase().includes(wanted),
  )
  const result = found.map(({ symbol, description, kind }) => ({
    description,
    displaySymbol: displayed(symbol),
    symbol,
    type: kind === 'stock' ? 'Common Stock' : 'Crypto',
  }))
  return { count: result.length, result }
}

/** `BINANCE:BTCUSDT` is shown as `BTC/USDT`. */
const displayed = (symbol: string): string => symbol.replace(/^[^:]*:(.+?)(USDT|USD|BTC|ETH)$/, '$1/$2')

const cryptoRow = ({ symbol, description }: Instrument) => ({ description, displaySymbol: displayed(symbol), symbol })

const stockRow = ({ symbol, description }: Instrument) => ({
  currency: 'USD',
  description,
  displaySymbol: symbol,
  figi: '',
  isin: null,
  mic: 'XNAS',
  shareClassFIGI: '',
  symbol,
  symbol2: '',
  type: symbol === 'SPY' ? 'ETP' : 'Common Stock',
})

/** This market never closes. */
const marketStatus = (exchange: string, now: number) => ({
  exchange: exchange || 'US',
  holiday: null,
  isOpen: true,
  session: 'regular',
  timezone: 'America/New_York',
  t: Math.floor(now / 1000),
})
