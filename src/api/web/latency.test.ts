import { expect, test } from 'bun:test'

import { hopText } from './latency.ts'

test.each([
  [null, null, '–'],
  [0, 1, '0 / 1 ms'],
  [12, 999, '12 / 999 ms'],
  [12, 1_640, '12 ms / 1.6 s'],
  [1_640, 61_000, '1.6 s / 1 min 1 s'],
])('a hop of %p and %p ms reads %p', (p50_ms, p99_ms, text) => {
  expect(hopText({ p50_ms, p99_ms })).toBe(text)
})
