import { expect, test } from 'bun:test'

import { FlushTimer } from './flush-timer.ts'
import { manualClock } from '../clock.ts'

const record = { offset: 0, timestamp: 0, key: null, value: null, headers: {} }
const BATCH = { records: [record], end: 1, startedAt: 0, endedAt: 0 }

test('open rows are written at most every so often', () => {
  const clock = manualClock(1_000_000)
  const timer = new FlushTimer(100, clock)
  expect(timer.due(BATCH)).toEqual({ flush: true, minutes: true, long: true })
  clock.advance(99)
  expect(timer.due(BATCH)).toEqual({ flush: false, minutes: false, long: false })
  clock.advance(1)
  expect(timer.due(BATCH)).toEqual({ flush: true, minutes: false, long: false })
})

test('a clock that is set back stops nothing', () => {
  const clock = manualClock(10_000_000)
  const timer = new FlushTimer(100, clock)
  timer.due(BATCH)
  clock.set(0)
  clock.advance(300)
  expect(timer.due(BATCH)).toEqual({ flush: true, minutes: true, long: false })
})
