import { expect, test } from 'bun:test'

import { cpuSeconds, peakMemory } from './process-cost.ts'

// It reads /proc, which only Linux has.
test.skipIf(process.platform !== 'linux')('a process is told by its own CPU time and its own peak of memory', () => {
  const before = cpuSeconds(process.pid)
  const startedAt = process.cpuUsage()
  while (process.cpuUsage(startedAt).user < 100_000) Math.sqrt(startedAt.user)
  expect(cpuSeconds(process.pid) - before).toBeWithin(0.05, 5)
  expect(peakMemory(process.pid)).toBeGreaterThan(10e6)
})

test('of a process that is not there nothing is known', () => {
  expect(cpuSeconds(2 ** 30)).toBeNaN()
  expect(peakMemory(2 ** 30)).toBeNaN()
})
