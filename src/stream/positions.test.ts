import { expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { PositionTeller, Positions } from './positions.ts'

test('a position is told at most once a second, and again now and then where nothing moves', () => {
  const clock = manualClock(1_000_000)
  const teller = new PositionTeller(clock)
  const tell = (after: number, position: number) => {
    clock.advance(after)
    return teller.take(3, position)?.position ?? null
  }
  expect([tell(0, 5), tell(10, 6), tell(990, 7), tell(1_000, 7), tell(8_000, 7), tell(1_000, 7)]).toEqual([
    5,
    null,
    7,
    null,
    null,
    7,
  ])
  expect(teller.take(4, 1)).toEqual({ symbol: '', stamp: clock.now(), partition: 4, position: 1 })
})

test('of two positions the later one counts, also where a processor went back; what is no position is nothing', () => {
  const positions = new Positions()
  positions.hear({ symbol: '', stamp: 2, partition: 0, position: 90 })
  positions.hear({ symbol: '', stamp: 1, partition: 0, position: 100 })
  expect(positions.of(0)).toBe(90)
  positions.hear({ symbol: '', stamp: 3, partition: 0, position: 10 })
  positions.hear({ symbol: 'S', stamp: 4, price: 1 })
  expect([positions.of(0), positions.of(1)]).toEqual([10, null])
})

test('with a position goes how long trades took, as the processor knows it then', () => {
  const clock = manualClock(1_000_000)
  const teller = new PositionTeller(clock, (partition) => (partition === 3 ? { broker_store: { 12: 5 } } : undefined))
  const heard: unknown[] = []
  const positions = new Positions(({ partition, latency }) => heard.push([partition, latency]))
  for (const partition of [3, 4]) positions.hear(JSON.parse(JSON.stringify(teller.take(partition, 7))) as object)
  positions.hear({ symbol: '', stamp: 1, partition: 3, position: 1 })
  expect(heard).toEqual([
    [3, { broker_store: { 12: 5 } }],
    [4, undefined],
  ])
})
