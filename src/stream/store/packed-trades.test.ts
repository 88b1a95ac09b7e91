import { expect, test } from 'bun:test'

import type { TradeBatch } from '../../trade.ts'
import { packTrades, unpackTrades } from './packed-trades.ts'

const entry = (s: string, t: number, c: readonly (string | null)[] | null = null) => ({ c, s, t, p: 0.1 + t, v: 1e-7 })

test('what is packed comes out as it was', () => {
  const trades: TradeBatch[] = [
    {
      symbol: 'A',
      partition: 3,
      offset: 2 ** 36,
      received: 1_709_647_200_001,
      ingested: 1_709_647_200_002,
      entries: [entry('A', 1), entry('A', 2, ['1', null]), entry('A', 3)],
      skip: null,
      future: null,
    },
    {
      symbol: 'IC MARKETS:1',
      partition: 0,
      offset: 0,
      received: null,
      ingested: 5,
      entries: [entry('IC MARKETS:1', 4, [])],
      skip: new Set([0]),
      future: new Set([0]),
    },
    {
      symbol: 'B',
      partition: 1,
      offset: 9,
      received: 0,
      ingested: 6,
      entries: [entry('B', 7)],
      skip: null,
      future: null,
    },
  ]
  expect(unpackTrades(structuredClone(packTrades(trades)))).toEqual(trades)
  expect(unpackTrades(packTrades([]))).toEqual([])
})
