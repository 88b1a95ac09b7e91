import { expect, test } from 'bun:test'

import { manualClock } from './clock.ts'
import { Latencies } from './latency.ts'

const START = 1_700_000_000_000

function latencies() {
  const clock = manualClock(START)
  return { clock, own: new Latencies(clock) }
}

test('quantiles are bounds that are at most a quarter too high, of the last ten seconds', () => {
  const { clock, own } = latencies()
  for (let ms = 1; ms <= 100; ms++) own.add('broker_store', ms, 0)
  const { samples, p50, p99 } = own.quantiles('broker_store')
  expect(samples).toBe(100)
  expect(p50).toBeGreaterThanOrEqual(50)
  expect(p50).toBeLessThanOrEqual(63)
  expect(p99).toBeGreaterThanOrEqual(99)
  expect(p99).toBeLessThanOrEqual(124)
  clock.advance(9_000)
  own.add('broker_store', 1, 1)
  expect(own.quantiles('broker_store').samples).toBe(101)
  clock.advance(1_000)
  expect(own.quantiles('broker_store')).toEqual({ samples: 1, p50: 1, p99: 1 })
  expect(own.quantiles('store_serve')).toEqual({ samples: 0, p50: null, p99: null })
})

test('a clock that is set back or forward changes no window', () => {
  const { clock, own } = latencies()
  own.add('broker_store', 5)
  clock.set(START - 3_600_000)
  own.add('broker_store', 5)
  clock.set(START + 3_600_000)
  expect(own.quantiles('broker_store').samples).toBe(2)
})

test('what takes less than nothing stays below zero, and what takes for ever has the last bound', () => {
  const { own } = latencies()
  for (const ms of [-700, -600, -600, 0, Number.POSITIVE_INFINITY]) own.add('store_serve', ms)
  const { p50, p99 } = own.quantiles('store_serve')
  expect(p50).toBeGreaterThanOrEqual(-600)
  expect(p50).toBeLessThan(-450)
  expect(p99).toBeGreaterThan(3_600_000)
})

test('what processors tell counts instead of what this process knows of partitions, and no longer than they speak', () => {
  const processor = latencies().own
  processor.add('broker_store', 30, 2)
  processor.add('broker_store', 30, 2)
  processor.add('store_serve', 4)
  const { clock, own: api } = latencies()
  api.add('broker_store', 900, 2)
  api.add('store_serve', 8)
  api.listen()
  expect([api.isKnown, api.quantiles('broker_store').samples]).toEqual([false, 0])
  const told: unknown = JSON.parse(JSON.stringify(processor.of(2)))
  api.hear(2, told)
  api.hear(2, told)
  expect(api.quantiles('broker_store')).toEqual(processor.quantiles('broker_store'))
  expect([api.isKnown, api.quantiles('store_serve').samples]).toEqual([true, 1])
  clock.advance(15_000)
  expect([api.isKnown, api.quantiles('broker_store').samples]).toEqual([false, 0])
})

test('a partition without trades has nothing to tell', () => {
  const { clock, own } = latencies()
  expect(own.of(3)).toBeUndefined()
  own.add('broker_store', 30, 3)
  clock.advance(10_000)
  expect(own.of(3)).toBeUndefined()
})

const NONSENSE = [null, 7, 'x', [], { broker_store: 5 }, { broker_store: { x: 1, 5: 'y', 6: -1, 7: 1.5 } }]
test.each(NONSENSE.map((told) => [told]))('who tells %p has told of no sample', (told) => {
  const { own } = latencies()
  own.listen()
  own.hear(0, told)
  expect([own.isKnown, own.quantiles('broker_store').samples]).toEqual([true, 0])
})
