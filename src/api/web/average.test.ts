import { expect, test } from 'bun:test'

import { candle, T0, window } from '../api.fixture.ts'
import { averageLine, currentWindow } from './average.ts'

const windows = [5, 10, 15, 20, 25, 30].map((s) => window(T0 + s * 1000, { vwap: s }))
const line = (opens: readonly number[], newest: number) =>
  averageLine(
    windows,
    opens.map((s) => candle(T0 + s * 1000, { interval: '1s' })),
    T0 + newest * 1000,
  ).map(({ time, value }) => [(time - T0) / 1000, value])

test('a window belongs to the bar that its last moment lies in', () => {
  expect(line([0, 4, 5, 9, 10, 14], 14)).toEqual([
    [4, 5],
    [9, 10],
    [14, 15],
  ])
})

test('where bars are missing, the bar before takes the last of the windows', () => {
  expect(line([0, 21], 21)).toEqual([
    [0, 20],
    [21, 25],
  ])
})

test('of the windows that lie ahead only the one that ends next is shown', () => {
  expect(line([12], 12)).toEqual([[12, 15]])
  expect(currentWindow(windows, T0 + 12_000)?.vwap).toBe(15)
  expect(currentWindow(windows, T0 + 15_000)?.vwap).toBe(20)
})

test('after the last window the newest counts, and without any there is none', () => {
  expect(currentWindow(windows, T0 + 60_000)?.vwap).toBe(30)
  expect(currentWindow([], T0)).toBeUndefined()
  expect(averageLine(windows, [], T0)).toEqual([])
})
