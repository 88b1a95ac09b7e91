import { expect, test } from 'bun:test'

import { badgeOf, type BadgeFacts } from './badge.ts'
import { isMarketOpen } from '../../market-hours.ts'

const OPEN = Date.UTC(2026, 10, 24, 16, 0)
const facts: BadgeFacts = {
  now: OPEN,
  isConnected: true,
  origin: 'live',
  symbol: 'AAPL',
  startedAt: OPEN - 1_000,
  lastTradeAt: OPEN - 500,
}
const textOf = (change: Partial<BadgeFacts>) => badgeOf({ ...facts, ...change }).text

test('the badge says where the data comes from', () => {
  expect(textOf({})).toBe('live')
  expect(textOf({ origin: 'simulated' })).toBe('simulated')
  expect(textOf({ origin: 'replay', lastTradeAt: 0 })).toBe('replay')
})

test('old data is called stale, with the time of the last trade', () => {
  expect(textOf({ lastTradeAt: OPEN - 61_000 })).toBe('stale since 15:58:59')
})

test('a symbol without any trade is questioned only after a while', () => {
  expect(textOf({ lastTradeAt: null })).toBe('live')
  expect(textOf({ lastTradeAt: null, startedAt: OPEN - 31_000 })).toBe('no trade since start: check symbol')
})

test('a closed exchange is no fault, for US stocks only', () => {
  const night = Date.UTC(2026, 10, 24, 3, 0)
  expect(textOf({ now: night, lastTradeAt: night - 3_600_000 })).toBe('market closed')
  expect(textOf({ now: night, lastTradeAt: night - 1_000, symbol: 'BINANCE:BTCUSDT' })).toBe('live')
})

test('a lost connection says so', () => {
  expect(textOf({ isConnected: false })).toBe('disconnected')
  expect(textOf({ isConnected: false, origin: null })).toBe('connecting')
})

test('the calendar knows holidays, half days, weekends and daylight saving', () => {
  expect(isMarketOpen(Date.UTC(2026, 10, 26, 16))).toBe(false)
  expect(isMarketOpen(Date.UTC(2026, 10, 27, 21))).toBe(true)
  expect(isMarketOpen(Date.UTC(2026, 10, 27, 23))).toBe(false)
  expect(isMarketOpen(Date.UTC(2026, 10, 28, 16))).toBe(false)
  expect(isMarketOpen(Date.UTC(2026, 6, 1, 8, 30))).toBe(true)
  expect(isMarketOpen(Date.UTC(2026, 0, 6, 8, 30))).toBe(false)
  expect(isMarketOpen(Date.UTC(2031, 0, 6, 16))).toBeNull()
})
