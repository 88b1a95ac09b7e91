import { expect, test } from 'bun:test'

import type { Entry } from '../../trade.ts'
import { instrumentOf } from './instrument.ts'
import { history } from './market.ts'
import { SIMULATOR_DEFAULTS } from './options.ts'
import { PricePath, SLOT_MS } from './price-path.ts'
import { Tape } from './tape.ts'
import type { TapeOptions } from './tape.ts'

const BTC = 'BINANCE:BTCUSDT'
const NOON = 1_795_521_600_000

const tapeOf = (options: Partial<TapeOptions> = {}, symbol = BTC) =>
  new Tape(symbol, { ...SIMULATOR_DEFAULTS, ...options })

const printsOf = (tape: Tape, slots: number) => {
  const first = Math.floor(NOON / SLOT_MS)
  return Array.from({ length: slots }, (_none, slot) => tape.slot(first + slot)).flat()
}

const past = (ms: number, options: Partial<TapeOptions> = {}, symbols: readonly string[] = [BTC]): Entry[] => [
  ...history(symbols, { from: NOON - ms, to: NOON }, { ...SIMULATOR_DEFAULTS, ...options }),
]

test('a price depends on seed, symbol and time alone, whatever was asked before', () => {
  const path = new PricePath(instrumentOf(BTC), 7)
  const asked = [0, 5_000_000, -86_400_000, 1].map((ms) => path.at(NOON + ms))
  const again = [1, -86_400_000, 5_000_000, 0].map((ms) => new PricePath(instrumentOf(BTC), 7).at(NOON + ms)).reverse()
  expect(asked).toEqual(again)
  expect(new PricePath(instrumentOf(BTC), 8).at(NOON)).not.toBe(asked[0])
  expect(new PricePath(instrumentOf('BINANCE:ETHUSDT'), 7).at(NOON)).not.toBe(asked[0])
})

test('a price stays near its level for years and never leaps', () => {
  const path = new PricePath(instrumentOf(BTC), 1)
  for (let day = -1000; day < 1000; day++) {
    const price = path.at(NOON + day * 86_400_000)
    expect(price).toBeGreaterThan(45_000)
    expect(price).toBeLessThan(180_000)
    expect(Math.abs(path.at(NOON + day * 86_400_000 + SLOT_MS) / price - 1)).toBeLessThan(0.002)
  }
})

test('the same moment has the same trades, in whatever order its slots are asked for', () => {
  const first = Math.floor(NOON / SLOT_MS)
  const forward = printsOf(tapeOf(), 500)
  const tape = tapeOf()
  const backward = Array.from({ length: 500 }, (_none, slot) => tape.slot(first + 499 - slot))
    .reverse()
    .flat()
  expect(forward.length).toBeGreaterThan(100)
  expect(backward).toEqual(forward)
})

test('trades come at the rate asked for, shared among the symbols', () => {
  const symbols = ['BINANCE:BTCUSDT', 'BINANCE:ETHUSDT', 'AAPL']
  const hours = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((part) => [
    ...history(
      symbols,
      { from: NOON + part * 9e6, to: NOON + part * 9e6 + 600_000 },
      { ...SIMULATOR_DEFAULTS, symbols, rate: 10 },
    ),
  ])
  expect(hours.length / 4800).toBeGreaterThan(4)
  expect(hours.length / 4800).toBeLessThan(25)
  expect(past(600_000, { symbols, rate: 10 }, ['TSLA'])).toEqual([])
})

test('busy and quiet minutes lie side by side', () => {
  const minutes = new Map<number, number>()
  for (const { t } of past(6 * 3_600_000))
    minutes.set(Math.floor(t / 60_000), (minutes.get(Math.floor(t / 60_000)) ?? 0) + 1)
  const counts = [...minutes.values()].sort((a, b) => a - b)
  expect(counts.at(-20)).toBeGreaterThan(3 * (counts[20] ?? 0))
})

test('entries look like what Finnhub sends for crypto and for stocks', () => {
  for (const { c, p, v } of past(600_000)) {
    expect(c).toBeNull()
    expect(v).toBeGreaterThan(0)
    expect([Math.round(p * 100) / 100, Math.round(v * 1e6) / 1e6]).toEqual([p, v])
  }
  for (const { c, p, v } of past(600_000, {}, ['AAPL'])) {
    expect(Number.isInteger(v) && v > 0).toBe(true)
    expect(c).toContain('1')
    expect(c?.includes('12')).toBe(v < 100)
    expect(Math.round(p * 100) / 100).toBe(p)
  }
})

test('a switch for faults changes no other trade', () => {
  const plain = printsOf(tapeOf({ twins: 0 }), 3000)
  const faulty = printsOf(
    tapeOf({ twins: 0, disorderMs: 400, late: { share: 0.1, ms: 20_000 }, futureShare: 0.05, zeroVolumeShare: 0.1 }),
    3000,
  )
  expect(faulty.map(({ t, entry }) => [t, entry.p])).toEqual(plain.map(({ t, entry }) => [t, entry.p]))
  const share = (is: (print: (typeof faulty)[number]) => boolean) => faulty.filter(is).length / faulty.length
  expect(share(({ entry }) => entry.v === 0)).toBeCloseTo(0.1, 1)
  expect(share(({ t, due }) => due - t >= 20_000)).toBeCloseTo(0.1, 1)
  expect(share(({ t, entry }) => entry.t - t >= 10_000)).toBeCloseTo(0.05, 1)
  expect(faulty.every(({ t, due }) => due >= t && (due - t) % 20_000 <= 400)).toBe(true)
})

test('twins are equal in everything and add to the trades', () => {
  const plain = printsOf(tapeOf({ twins: 0 }), 3000)
  const twinned = printsOf(tapeOf({ twins: 0.2 }), 3000)
  expect(twinned.length / plain.length).toBeCloseTo(1.2, 1)
  expect(new Set(twinned.map(({ entry }) => JSON.stringify(entry))).size).toBe(
    new Set(plain.map(({ entry }) => JSON.stringify(entry))).size,
  )
})

test('sameMsShare decides how many prints of an order share their ms', () => {
  const distinct = (sameMsShare: number) => {
    const prints = printsOf(tapeOf({ twins: 0, sameMsShare, rate: 5 }), 5000)
    return new Set(prints.map(({ t }) => t)).size / prints.length
  }
  expect(distinct(0)).toBeGreaterThan(0.95)
  expect(distinct(1)).toBeLessThan(0.75)
})
