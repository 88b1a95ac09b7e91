import { expect, test } from 'bun:test'

import { formatBarTime, formatChange, formatSize, PriceFormat } from './format.ts'
import { readView, writeView } from './view.ts'

test.each([
  [[92_931.44], '92,931.44'],
  [[92_931], '92,931.00'],
  [[317.775], '317.775'],
  [[317.775, 318], '318.000'],
  [[317.123456], '317.1235'],
  [[2.2252], '2.2252'],
  [[0.19679], '0.19679'],
  [[0.00001234], '0.00001234'],
  [[0.0000000012345], '0.000000001235'],
])('after the prices %p the last is written %p', (prices, text) => {
  const format = new PriceFormat()
  for (const price of prices) format.learn(price)
  expect(format.text(prices.at(-1) ?? 0)).toBe(text)
})

test.each([
  [100, '100'],
  [12_345, '12,345'],
  [0.00125, '0.00125'],
  [7.1513, '7.1513'],
  [0.00000012, '1.2e-7'],
  [3_600_000, '3.60M'],
  [2.5e9, '2.50B'],
])('the size %p is written %p', (size, text) => {
  expect(formatSize(size)).toBe(text)
})

test('a change has its sign', () => {
  expect([0.314, -1.2].map(formatChange)).toEqual(['+0.31 %', '−1.20 %'])
})

test('a bar is named as finely as it is long', () => {
  const at = Date.UTC(2026, 10, 24, 9, 5, 7)
  expect([1_000, 60_000, 86_400_000].map((ms) => formatBarTime(at, ms))).toEqual([
    '2026-11-24 09:05:07',
    '2026-11-24 09:05',
    '2026-11-24',
  ])
})

test.each([
  ['#BINANCE:BTCUSDT/5m', 'BINANCE:BTCUSDT', '5m'],
  ['#IC%20MARKETS:1/1d', 'IC MARKETS:1', '1d'],
  ['#AAPL', 'AAPL', '1m'],
  ['#OANDA:EUR/USD', 'OANDA:EUR/USD', '1m'],
  ['#100%/1s', '100%', '1s'],
  ['', null, '1m'],
] as const)('the address %p shows %p in %p', (hash, symbol, interval) => {
  const view = readView(hash)
  expect(view).toEqual({ symbol, interval })
  expect(readView(writeView(view))).toEqual(view)
})
