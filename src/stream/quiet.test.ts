import { expect, test } from 'bun:test'

import { QuietRun } from './quiet.ts'

const empty = (startedAt: number, endedAt = startedAt + 100) => ({ records: [], end: 5, startedAt, endedAt })
const full = (startedAt: number) => ({
  ...empty(startedAt),
  records: [{ offset: 4, timestamp: 0, key: null, value: null, headers: {} }],
})

/** Empty fetches of 100 ms, one after the other. */
function silence(run: QuietRun, from: number, to: number): void {
  for (let at = from; at < to; at += 100) run.observe(empty(at), 5)
}

test('silence counts from the first empty fetch at the end', () => {
  const run = new QuietRun()
  silence(run, 1_000, 21_000)
  expect(run.silentMs).toBe(20_000)
})

test('for a deadline in between it counts from a fetch that began after it', () => {
  const run = new QuietRun()
  silence(run, 0, 30_000)
  expect(run.silentSince(10_000)).toBe(19_900)
  expect(run.silentSince(-50_000)).toBe(30_000)
})

test('fetches that come seldom, behind slow writes, prove less', () => {
  const run = new QuietRun()
  for (let at = 0; at < 30_000; at += 1_500) run.observe(empty(at), 5)
  expect(run.silentSince(10_000)).toBeLessThanOrEqual(28_600 - 10_500)
})

test('a record ends the silence', () => {
  const run = new QuietRun()
  silence(run, 0, 30_000)
  run.observe(full(30_000), 5)
  expect(run.silentMs).toBe(0)
  expect(run.silentSince(0)).toBe(0)
})

test('an empty fetch that is not at the end proves nothing', () => {
  const run = new QuietRun()
  silence(run, 0, 30_000)
  run.observe(empty(30_000), 3)
  expect(run.silentMs).toBe(0)
})

test('a suspend between two fetches, or within one, does not count', () => {
  const between = new QuietRun()
  silence(between, 0, 10_000)
  silence(between, 60_000, 61_000)
  expect(between.silentMs).toBe(1_000)
  const within = new QuietRun()
  silence(within, 0, 10_000)
  within.observe(empty(10_000, 60_000), 5)
  silence(within, 60_000, 61_000)
  expect(within.silentMs).toBe(1_000)
})
