import { expect, test } from 'bun:test'

import { Silence } from './silence.ts'
import { silentLog } from '../../telemetry.ts'

/** A Tuesday, 15:00 in New York. */
const OPEN = Date.parse('2026-11-24T20:00:00Z')
/** The same day, 19:59 in New York: extended hours end at 20:00. */
const EVENING = Date.parse('2026-11-25T00:59:00Z')
const BTC = 'BINANCE:BTCUSDT'

function watched(start: number) {
  const told: string[] = []
  const silence = new Silence({ ...silentLog, info: (event) => told.push(event) })
  let now = start
  silence.opened(now)
  let tradedAt = 0
  const trade = (symbol: string) => {
    tradedAt = now
    silence.frame(JSON.stringify({ data: [{ s: symbol, t: now }], type: 'trade' }), now)
  }
  return {
    told,
    trade,
    open: () => silence.opened(now),
    trades(symbol: string, count: number, pause: number) {
      for (let n = 0; n < count; n++) {
        now += pause
        trade(symbol)
      }
    },
    ping: () => silence.frame('{"type":"ping"}', now),
    /** What is said at the end of so many seconds in which nothing but pings came. */
    wait(seconds: number): string | null {
      for (let n = 0; n < seconds; n++) {
        now += 1_000
        silence.frame('{"type":"ping"}', now)
        const dead = silence.dead(now)
        if (dead === null) continue
        expect(dead.since).toBe(tradedAt)
        return dead.why
      }
      return null
    },
  }
}

test('a busy symbol that falls silent around the clock means a dead connection', () => {
  const feed = watched(OPEN)
  feed.trades(BTC, 100, 500)
  expect(feed.wait(29)).toBeNull()
  expect(feed.wait(2)).toBe('no trade for 30 s, though BINANCE:BTCUSDT usually trades every 0.5 s')
})

test('a slow symbol may be silent for twenty of its pauses', () => {
  const feed = watched(OPEN)
  feed.trades(BTC, 100, 10_000)
  expect(feed.wait(199)).toBeNull()
  expect(feed.wait(2)).toContain('no trade for 200 s')
})

test('as long as any symbol trades the connection lives', () => {
  const feed = watched(OPEN)
  feed.trades('AAPL', 100, 500)
  for (let n = 0; n < 10; n++) {
    expect(feed.wait(20)).toBeNull()
    feed.trade(BTC)
  }
})

test('a closed market is no dead connection, nor is one in which nobody has traded yet this day', () => {
  const feed = watched(EVENING)
  feed.trades('AAPL', 110, 500)
  expect(feed.wait(60)).toBeNull()
  expect(feed.told).toEqual(['feed.closed'])
  expect(feed.wait(9 * 3600)).toBeNull()
  expect(feed.told).toEqual(['feed.closed', 'feed.quiet'])
  feed.trades('AAPL', 110, 500)
  expect(feed.wait(3600)).toContain('though AAPL usually trades')
})

test('a new connection without a trade is quiet: it is not ended again and again', () => {
  const feed = watched(OPEN)
  feed.trades(BTC, 100, 500)
  expect(feed.wait(31)).not.toBeNull()
  feed.open()
  expect(feed.wait(3600)).toBeNull()
  expect(feed.told).toEqual(['feed.quiet'])
  // The pause is part of the rhythm now: what comes rarely is missed late.
  feed.trades(BTC, 1, 1_000)
  expect(feed.wait(600)).toBeNull()
})

test('what was not seen often has no rhythm', () => {
  const feed = watched(OPEN)
  feed.trades(BTC, 15, 500)
  expect(feed.wait(600)).toBeNull()
  expect(feed.told).toEqual(['feed.quiet'])
})

test('a symbol that was silent already while others traded says nothing of the connection', () => {
  const feed = watched(OPEN)
  feed.trades('AAPL', 100, 500)
  feed.trades(BTC, 3, 45_000)
  expect(feed.wait(44)).toBeNull()
})
