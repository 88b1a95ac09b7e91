import { describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'

import { loadSettings, type Sources } from '../config.ts'
import { toWords } from '../errors.ts'

const load = (sources: Partial<Sources>) =>
  loadSettings({ command: 'run', flags: {}, env: {}, cwd: tmpdir(), ...sources })

function wordsOf(sources: Partial<Sources>): string {
  try {
    load(sources)
  } catch (error) {
    return toWords(error)
  }
  throw new Error('nothing was refused')
}

describe('symbols', () => {
  test.each([
    ['A,B', ['A', 'B']],
    [' BINANCE:BTCUSDT , AAPL ', ['BINANCE:BTCUSDT', 'AAPL']],
    ['["A", "B"]', ['A', 'B']],
    ["['A', 'B']", ['A', 'B']],
    ['[\'A\', "B", ]', ['A', 'B']],
    ["['IC MARKETS:1','OANDA:EUR_USD']", ['IC MARKETS:1', 'OANDA:EUR_USD']],
    ['[A, BRK.B]', ['A', 'BRK.B']],
    ['A,B,A', ['A', 'B']],
    ['^GSPC', ['^GSPC']],
  ])('%j is %j', (text, expected) => {
    expect(load({ flags: { symbols: text } }).settings.symbols).toEqual(expected)
  })

  test('a flag may be repeated', () => {
    expect(load({ flags: { symbols: ['A,B', 'C'] } }).settings.symbols).toEqual(['A', 'B', 'C'])
  })

  test.each([
    ['', 'is an empty list'],
    ['[]', 'is an empty list'],
    ['[""]', 'has an empty symbol'],
    ['A,,B', 'has nothing at place 2'],
    ["['A', 'B'", 'begins with [ but does not end with ]'],
    ["'A', 'B']", 'ends with ] but does not begin with ['],
    ["['A' 'B']", 'cannot be read from'],
    ["['A, 'B']", 'cannot be read from'],
    ["'A','B'", "has the character '"],
    ['A\nB', 'has a line break'],
    ['[1, 2]', 'has 1, which is not a text'],
    ['["A", ["B"]]', 'which is not a text'],
    ['A'.repeat(101), 'longer than 100'],
  ])('%j is refused', (text, words) => {
    expect(wordsOf({ flags: { symbols: text } })).toContain(words)
    expect(wordsOf({ env: { FINNHUB_STOCKS_TICKERS: text } })).toContain('FINNHUB_STOCKS_TICKERS')
  })
})
