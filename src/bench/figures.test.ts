import { expect, test } from 'bun:test'

import { inTurn, latencyOf, millis, percentile, table } from './figures.ts'

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

test('a percentile is the smallest sample that so many do not exceed, whatever their order', () => {
  expect(latencyOf(hundred)).toEqual({ p50: 50, p90: 90, p99: 99, max: 100 })
  expect(percentile([7], 0.5)).toBe(7)
  expect(percentile([10, 9, 2], 0.5)).toBe(9)
  expect(percentile([10, 9, 2], 0.99)).toBe(10)
})

test('without samples there is no percentile, and the table says so', () => {
  expect(percentile([], 0.5)).toBeNaN()
  expect(millis(Number.NaN)).toBe('-')
})

test('columns are as wide as their widest cell, numbers to the right', () => {
  expect(
    table([
      ['', 'p50'],
      ['relay', '1,234'],
      ['a', '5'],
    ]),
  ).toBe('         p50\nrelay  1,234\na          5')
})

test('in the next turn the other one comes first', () => {
  expect([0, 1, 2].map((turn) => inTurn(['a', 'b'], turn)[0])).toEqual(['a', 'b', 'a'])
})
