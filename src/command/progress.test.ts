import { expect, test } from 'bun:test'

import { progressWords } from './progress.ts'

test('progress says how much is done, how fast, and how long it still takes', () => {
  expect(progressWords({ records: 2_500, total: 10_000, doing: 'partition 3' }, 5_000)).toBe(
    '25 % · 2,500 records · 500 records/s · 15 s left · partition 3',
  )
})

test('of a total that is not known nothing is said', () => {
  expect(progressWords({ records: 0, total: 0, doing: 'waiting' }, 0)).toBe('0 records · 0 records/s · waiting')
})
