import { expect, test } from 'bun:test'

import { Registry } from '@prometheus-io/client'

import { manualClock } from './clock.ts'
import { gaugeByPartition, Pauses } from './computed-metrics.ts'

test('what stands still counts while it does, each for itself, and never backwards', async () => {
  const registry = new Registry()
  const clock = manualClock(1_000_000)
  const pauses = new Pauses(registry, 'paused_seconds_total', 'x')
  const told = async () => /^stockpipe_paused_seconds_total (\S+)$/m.exec(await registry.metrics())?.[1]
  expect(await told()).toBe('0')
  const first = pauses.begin(clock)
  clock.advance(2_000)
  expect(await told()).toBe('2')
  const second = pauses.begin(clock)
  clock.advance(500)
  expect(await told()).toBe('3')
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  clock.advance(1_000)
  expect(await told()).toBe('4')
  clock.set(1_000_000)
  expect(await told()).toBe('4')
  second[Symbol.dispose]()
  clock.advance(60_000)
  expect(await told()).toBe('4')
})

test('a partition is asked when somebody looks, and has no line where nothing is known of it', async () => {
  const registry = new Registry()
  const values = gaugeByPartition(registry, 'lag', 'x')
  let lag = 1
  values.set('0', () => lag).set('1', () => null)
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('stockpipe_lag'))
  expect(await lines()).toEqual(['stockpipe_lag{partition="0"} 1'])
  lag = 2
  expect(await lines()).toEqual(['stockpipe_lag{partition="0"} 2'])
  values.delete('0')
  expect(await lines()).toEqual([])
})
