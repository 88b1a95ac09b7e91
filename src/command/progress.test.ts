import { expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { progressLine, progressWords } from './progress.ts'

test('progress says how much is done, how fast, and how long it still takes', () => {
  expect(progressWords({ records: 2_500, total: 10_000, doing: 'partition 3' }, 5_000)).toBe(
    '25 % · 2,500 records · 500 records/s · 15 s left · partition 3',
  )
})

test('of a total that is not known nothing is said', () => {
  expect(progressWords({ records: 0, total: 0, doing: 'waiting' }, 0)).toBe('0 records · 0 records/s · waiting')
})

test('where there is no terminal a line now and then says so, and nothing of what is quick', () => {
  const clock = manualClock(0)
  const lines: string[] = []
  using line = progressLine(clock, { isTty: false, status() {}, print: (text) => lines.push(text) })
  for (let records = 1; records <= 25; records++) {
    clock.advance(1_000)
    line.show({ records, total: 0, doing: 'partition 3' })
  }
  expect(lines).toEqual(['10 records · 1 records/s · partition 3', '20 records · 1 records/s · partition 3'])
})
