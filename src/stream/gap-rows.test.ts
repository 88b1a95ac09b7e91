import { expect, test } from 'bun:test'

import { gapRows } from './gap-rows.ts'
import { dayOf } from '../trade.ts'

const DAY = 86_400_000
const MIDNIGHT = Date.UTC(2024, 2, 6)
const gap = (from: number, to: number) =>
  gapRows({ symbol: 'S', from, to, cause: 'outage', detail: 'd' }).map((row) => [row.day, row.from_ts, row.to_ts])

test('a gap within a day is one row, stamped with its end', () => {
  expect(gapRows({ symbol: 'S', from: MIDNIGHT + 1, to: MIDNIGHT + 9, cause: 'outage', detail: 'd' })).toEqual([
    {
      symbol: 'S',
      day: '2024-03-06',
      from_ts: MIDNIGHT + 1,
      cause: 'outage',
      to_ts: MIDNIGHT + 9,
      detail: 'd',
      stamp: (MIDNIGHT + 9) * 1000,
    },
  ])
})

test('a gap over several days is one row a day, none of them empty', () => {
  expect(gap(MIDNIGHT - 1, MIDNIGHT)).toEqual([['2024-03-05', MIDNIGHT - 1, MIDNIGHT]])
  expect(gap(MIDNIGHT - 1, MIDNIGHT + DAY + 1)).toEqual([
    ['2024-03-05', MIDNIGHT - 1, MIDNIGHT],
    ['2024-03-06', MIDNIGHT, MIDNIGHT + DAY],
    ['2024-03-07', MIDNIGHT + DAY, MIDNIGHT + DAY + 1],
  ])
})

test('every row lies in the day it names', () => {
  for (const { day, from_ts, to_ts } of gapRows({ symbol: 'S', from: 5, to: 9 * DAY + 5, cause: 'x', detail: '' }))
    expect([dayOf(from_ts), dayOf(to_ts - 1)]).toEqual([day, day])
})

test('an empty gap has no row', () => {
  expect(gap(MIDNIGHT, MIDNIGHT)).toEqual([])
})
