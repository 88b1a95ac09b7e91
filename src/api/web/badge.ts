import { formatClock } from './format.ts'
import { isMarketOpen, isUsStock } from '../../market-hours.ts'

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
  /** A sentence for who wonders. */
  meaning: string
}

const STALE_AFTER_MS = 60_000
const SILENT_AFTER_MS = 30_000

/** The one thing about the data that a reader must know first. */
export function badgeOf(facts: BadgeFacts): Badge {
  const kind = kindOf(facts)
  const { text, meaning } = WORDS[kind]
  return { kind, text: kind === 'stale' ? `${text} ${formatClock(facts.lastTradeAt ?? 0)}` : text, meaning }
}

function kindOf({ now, isConnected, origin, symbol, startedAt, lastTradeAt }: BadgeFacts): Badge['kind'] {
  if (origin === null) return 'connecting'
  if (!isConnected) return 'disconnected'
  if (origin === 'replay') return 'replay'
  if (origin === 'live' && isUsStock(symbol) && isMarketOpen(now) === false) return 'closed'
  if (lastTradeAt === null && now - (startedAt ?? now) > SILENT_AFTER_MS) return 'silent'
  if (lastTradeAt !== null && now - lastTradeAt > STALE_AFTER_MS) return 'stale'
  return origin
}

const WORDS: Readonly<Record<Badge['kind'], { text: string; meaning: string }>> = {
  connecting: { text: 'connecting', meaning: 'Waiting for the server' },
  disconnected: { text: 'disconnected', meaning: 'The server does not answer; trying again' },
  closed: { text: 'market closed', meaning: 'US stocks do not trade now, by the NYSE calendar' },
  silent: { text: 'no trade since start: check symbol', meaning: 'The symbol may be mistyped, or hardly traded' },
  stale: { text: 'stale since', meaning: 'The time (UTC) of the last trade received' },
  live: { text: 'live', meaning: 'Trades as the feed sends them' },
  simulated: { text: 'simulated', meaning: 'Made-up prices from the built-in simulator' },
  replay: { text: 'replay', meaning: 'Trades of a recording' },
}
