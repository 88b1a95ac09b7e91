import { formatClock } from './format.ts'
import { isMarketOpen } from './market-hours.ts'

export interface BadgeFacts {
  /** Unix ms by this browser. */
  now: number
  isConnected: boolean
  origin: 'live' | 'simulated' | 'replay' | null
  symbol: string
  /** When the pipeline started and when the newest trade of the symbol was received, unix ms; null: none yet. */
  startedAt: number | null
  lastTradeAt: number | null
}

export interface Badge {
  kind: 'connecting' | 'disconnected' | 'closed' | 'silent' | 'stale' | 'live' | 'simulated' | 'replay'
  text: string
}

const STALE_AFTER_MS = 60_000
const SILENT_AFTER_MS = 30_000

/** US stocks have no venue in front; others trade around the clock or by calendars that are not known here. */
const isUsStock = (symbol: string): boolean => !symbol.includes(':')

/** The one thing about the data that a reader must know first. */
export function badgeOf(facts: BadgeFacts): Badge {
  const { origin, now, lastTradeAt, symbol } = facts
  if (!facts.isConnected)
    return origin === null ? { kind: 'connecting', text: 'connecting' } : { kind: 'disconnected', text: 'disconnected' }
  if (origin === 'replay') return { kind: 'replay', text: 'replay' }
  if (origin === 'live' && isUsStock(symbol) && isMarketOpen(now) === false)
    return { kind: 'closed', text: 'market closed' }
  if (origin === 'live' && lastTradeAt === null && now - (facts.startedAt ?? now) > SILENT_AFTER_MS)
    return { kind: 'silent', text: 'no trade since start: check symbol' }
  if (lastTradeAt !== null && now - lastTradeAt > STALE_AFTER_MS)
    return { kind: 'stale', text: `stale since ${formatClock(lastTradeAt)}` }
  return origin === 'simulated' ? { kind: 'simulated', text: 'simulated' } : { kind: 'live', text: 'live' }
}
