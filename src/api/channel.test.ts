import { expect, test } from 'bun:test'

import { parseChannel } from './channel.ts'
import { parseTime } from './time.ts'

test.each([
  ['trades:BINANCE:BTCUSDT', { kind: 'trades', interval: null, symbol: 'BINANCE:BTCUSDT' }],
  ['candles:1s:AAPL', { kind: 'candles', interval: '1s', symbol: 'AAPL' }],
  ['candles:15m:IC MARKETS:1', { kind: 'candles', interval: '15m', symbol: 'IC MARKETS:1' }],
  ['windows:A B', { kind: 'windows', interval: null, symbol: 'A B' }],
  ['latest:*', { kind: 'latest', interval: null, symbol: '*' }],
] as const)('the channel %p is understood', (name, expected) => {
  expect(parseChannel(name)).toEqual({ name, ...expected })
})

test.each([
  '',
  'trades',
  'trades:',
  'trades: ',
  'trade:A',
  'candles:AAPL',
  'candles:2m:A',
  'candles:1m:',
  `latest:${'x'.repeat(65)}`,
])('the channel %p is refused with a sentence', (name) => {
  expect(parseChannel(name)).toBeString()
})

test.each([
  ['0', 0],
  ['1795444200000', 1_795_444_200_000],
  ['2026-11-23T14:30:00Z', 1_795_444_200_000],
  ['2026-11-23t14:30:00.250z', 1_795_444_200_250],
  ['2026-11-23 14:30Z', 1_795_444_200_000],
  ['2026-11-23T15:30:00+01:00', 1_795_444_200_000],
  ['2026-11-23T15:30:00 01:00', 1_795_444_200_000],
  ['2026-11-23', 1_795_392_000_000],
])('the time %p is %p', (text, ms) => {
  expect(parseTime(text)).toBe(ms)
})

test.each([
  '',
  'now',
  '-1',
  '1.5',
  '1700000000',
  '1795444200000000',
  '2026-02-30',
  '2026-11-23T14:30:00',
  '2026-13-01T00:00:00Z',
  '2026-11-23T25:00:00Z',
])('the time %p is refused with a reason', (text) => {
  expect(parseTime(text)).toBeString()
})
