import { expect, test } from 'bun:test'

import { candle, T0 } from '../api.fixture.ts'
import type { CandleRow } from '../../trade.ts'
import { Bars } from './bars.ts'

const bars = (most?: number) => new Bars<CandleRow>((row) => row.open_ts, most)

test('rows that come in any order are read oldest first', () => {
  const held = bars()
  held.put([candle(T0 + 60_000)])
  held.put([candle(T0 + 120_000), candle(T0)])
  expect(held.rows.map(({ open_ts }) => open_ts - T0)).toEqual([0, 60_000, 120_000])
})

test('of two states of a bar the newer stays, whichever comes first', () => {
  const open = candle(T0, { n: 5, close: 2, final: false, closed_by: 'open' })
  const later = candle(T0, { n: 9, close: 3 })
  const revised = candle(T0, { n: 8, close: 4, revision: 1 })
  for (const order of [
    [open, later, revised],
    [revised, later, open],
    [later, open, revised],
  ]) {
    const held = bars()
    for (const row of order) held.put([row])
    expect(held.rows).toEqual([revised])
  }
})

test('beyond the most bars the newest three quarters stay', () => {
  const held = bars(8)
  held.put(Array.from({ length: 9 }, (_, index) => candle(T0 + ((index * 4) % 9) * 60_000)))
  expect(held.rows.map(({ open_ts }) => (open_ts - T0) / 60_000)).toEqual([3, 4, 5, 6, 7, 8])
})
