import { StockpipeError } from '../../errors.ts'
import type { Log } from '../../telemetry.ts'

export interface ValidateOptions {
  /** The feed's websocket; the REST server is beside it. */
  url: string
  token: string | null
  proxy?: string
  log: Log
}

const TIMEOUT_MS = 10_000

/**
 * Looks every symbol up in the provider's listing. Throws `config` naming those that are not there. A provider that
 * cannot be asked is no reason not to start: then a warning says that nothing was checked.
 */
export async function validateSymbols(symbols: readonly string[], options: ValidateOptions): Promise<void> {
  const listings = new Map<string, Promise<Set<string>>>()
  const listed = (path: string): Promise<Set<string>> => {
    const known = listings.get(path) ?? listing(path, options)
    listings.set(path, known)
    return known
  }
  try {
    const found = await Promise.all(symbols.map((symbol) => isListed(symbol, listed)))
    const unknown = symbols.filter((_, index) => !found[index])
    if (unknown.length === 0) return options.log.info('symbols.valid', { symbols: symbols.length })
    throw new StockpipeError('config', `the provider does not list ${unknown.join(', ')}`, {
      why: 'it would accept the subscription and never send a trade',
      hint: 'correct --symbols (crypto as EXCHANGE:PAIR, like BINANCE:BTCUSDT), or run without --validate-symbols',
    })
  } catch (error) {
    if (error instanceof StockpipeError && !error.retryable) throw error
    options.log.warn('symbols.not_checked', { error })
  }
}

async function isListed(symbol: string, listed: (path: string) => Promise<Set<string>>): Promise<boolean> {
  const colon = symbol.indexOf(':')
  if (colon < 0) return (await listed(`search?q=${encodeURIComponent(symbol)}`)).has(symbol)
  const exchange = encodeURIComponent(symbol.slice(0, colon).toLowerCase())
  if ((await listed(`crypto/symbol?exchange=${exchange}`)).has(symbol)) return true
  return (await listed(`forex/symbol?exchange=${exchange}`)).has(symbol)
}

/** The symbols of one listing; one that the provider does not have is empty. */
async function listing(path: string, { url, token, proxy }: ValidateOptions): Promise<Set<string>> {
  const request = {
    headers: token === null ? {} : { 'X-Finnhub-Token': token },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(proxy === undefined ? {} : { proxy }),
  }
  let response: Response
  try {
    response = await fetch(`${restAddress(url)}/${path}`, request)
  } catch (cause) {
    throw new StockpipeError('unreachable', 'the symbol listing cannot be reached', { cause, retryable: true })
  }
  if (response.status === 404) return new Set()
  if (response.status === 401 || response.status === 403)
    throw new StockpipeError('auth', 'the provider refused the token', {
      why: `HTTP ${response.status} for the symbol listing`,
      hint: 'check the token',
    })
  if (!response.ok)
    throw new StockpipeError('unreachable', `the symbol listing answered HTTP ${response.status}`, { retryable: true })
  return symbolsIn(await response.json())
}

/** A listing is an array, a search answer has one in `result`. */
function symbolsIn(body: unknown): Set<string> {
  const rows: unknown = typeof body === 'object' && body !== null && 'result' in body ? body.result : body
  if (!Array.isArray(rows)) return new Set()
  return new Set(
    rows.flatMap((row: { symbol?: unknown } | null) => (typeof row?.symbol === 'string' ? [row.symbol] : [])),
  )
}

/** `wss://ws.finnhub.io` -> `https://finnhub.io/api/v1`; any other server answers REST where it answers websockets. */
export function restAddress(websocket: string): string {
  const { protocol, host } = new URL(websocket)
  return `${protocol === 'wss:' ? 'https' : 'http'}://${host.replace(/^ws\./, '')}/api/v1`
}
