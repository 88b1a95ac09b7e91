import { expect, test } from 'bun:test'

import type { CandleRow } from '../../trade.ts'
import { BTC, candle, T0 } from '../api.fixture.ts'
import { Market } from './market.ts'

const SECOND = 1_000
const view = { symbol: BTC, interval: '1s' } as const
const bar = (index: number) => candle(T0 + index * SECOND, { interval: '1s' })
const bars = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => bar(from + index))

/** A server that holds these bars, and answers when it is let. */
function server(held: CandleRow[]) {
  const waiting: (() => void)[] = []
  const get = async (path: string): Promise<unknown> => {
    await new Promise<void>((resolve) => waiting.push(resolve))
    const { pathname, searchParams } = new URL(path, 'http://host')
    const to = Number(searchParams.get('to') ?? Number.POSITIVE_INFINITY)
    const rows = held.filter(({ open_ts }) => open_ts < to).slice(-Number(searchParams.get('limit')))
    return { data: pathname === '/v1/candles' ? rows.toReversed() : [] }
  }
  return {
    held,
    market: new Market({ get: get as <Body>(path: string) => Promise<Body | null> }),
    answer: () => waiting.splice(0).forEach((resolve) => resolve()),
  }
}

const shown = (market: Market) => market.candles.rows.map(({ open_ts }) => (open_ts - T0) / SECOND)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

test('history comes under what was pushed, and more of it as the reader goes back, until there is none', async () => {
  const { market, answer } = server(bars(0, 1_500))
  market.show(view)
  market.candles.put([bar(1_500)])
  for (const [from, came] of [
    [500, true],
    [0, true],
    [0, false],
    [0, false],
  ] as const) {
    const loading = from === 500 ? market.load() : market.loadOlder()
    answer()
    expect(await loading).toBe(came)
    expect(shown(market)).toEqual(range(from, 1_501))
  }
})

test('an answer that comes after a switch is for nobody', async () => {
  const { market, answer } = server(bars(0, 10))
  market.show(view)
  const stale = market.load()
  market.show({ ...view, symbol: 'AAPL' })
  answer()
  expect(await stale).toBe(false)
  expect(shown(market)).toEqual([])
  expect(market.isEmpty).toBe(false)
})

test('after a lost connection the bars of meanwhile are loaded, once', async () => {
  const { held, market, answer } = server(bars(0, 10))
  market.show(view)
  const first = market.load()
  answer()
  await first
  held.push(...bars(10, 20))
  market.lose()
  market.candles.put([bar(20)])
  const loads = [market.load(), market.load()]
  answer()
  expect(await Promise.all(loads)).toEqual([true, false])
  expect(shown(market)).toEqual(range(0, 21))
})

test('no hole stays in the middle when too much was missed to load at once', async () => {
  const { held, market, answer } = server(bars(0, 10))
  market.show(view)
  const first = market.load()
  answer()
  await first
  held.push(...bars(10, 1_200))
  market.lose()
  market.candles.put([bar(1_199)])
  const second = market.load()
  answer()
  await second
  expect(shown(market)).toEqual(range(200, 1_200))
})
