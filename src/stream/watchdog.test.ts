import { expect, test } from 'bun:test'

import type { ProcessorOptions } from './outlet.ts'
import { Watchdog } from './watchdog.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const LIMIT_MS = 120_000

function watching() {
  const clock = manualClock(1_000_000)
  const health = new Health()
  let end = 10
  const bounds = async () => [{ start: 0, end }]
  const context = { clock, log: silentLog, metrics: createMetrics(), health }
  const options = { broker: { bounds }, topic: 't', stallLimit: LIMIT_MS, context }
  const watchdog = new Watchdog(options as unknown as ProcessorOptions)
  const stalled = watchdog.unlessStalled(new Promise<void>(() => {})).catch((error: unknown) => error)
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 2) {
      clock.advance(2_000)
      await new Promise(setImmediate)
    }
  }
  const grow = (by: number) => {
    end += by
  }
  return { watchdog, clock, health, stalled, pass, grow, [Symbol.dispose]: () => watchdog[Symbol.dispose]() }
}

test('a partition that does not move though records wait is told on /readyz, and ends the process when that lasts', async () => {
  using all = watching()
  const progress = all.watchdog.watch(0)
  progress.reached(4)
  await all.pass(28)
  expect(all.health.isReady).toBe(true)
  await all.pass(8)
  expect(all.health.reason('progress')).toMatch(/^partition 0 does not move: 6 records wait for 3\d s$/)
  expect(all.watchdog.stalled.aborted).toBe(false)
  await all.pass(90)
  expect(await all.stalled).toBeInstanceOf(StockpipeError)
  expect(await all.stalled).toMatchObject({ code: 'stalled' })
})

test('one that moves, however slowly, is well', async () => {
  using all = watching()
  const progress = all.watchdog.watch(0)
  for (let position = 1; position < 10; position++) {
    progress.reached(position)
    await all.pass(24)
    all.grow(5)
  }
  expect(all.health.isReady).toBe(true)
})

test('one that has nothing to do is well', async () => {
  using all = watching()
  all.watchdog.watch(0).reached(10)
  await all.pass(300)
  expect(all.health.isReady).toBe(true)
})

test('one that waits for a store in trouble is not blamed, and after that has all its time again', async () => {
  using all = watching()
  all.watchdog.watch(0).reached(4)
  all.health.notReady('store', 'no node is up')
  await all.pass(600)
  expect(all.health.reason('progress')).toBeNull()
  all.health.ready('store')
  await all.pass(28)
  expect(all.health.isReady).toBe(true)
})

test('time in which the process was suspended does not count', async () => {
  using all = watching()
  all.watchdog.watch(0).reached(4)
  await all.pass(4)
  all.clock.advance(3_600_000)
  await all.pass(4)
  expect(all.health.isReady).toBe(true)
})

test('a partition that was given back is no longer watched', async () => {
  using all = watching()
  const progress = all.watchdog.watch(0)
  progress.reached(4)
  await all.pass(60)
  expect(all.health.isReady).toBe(false)
  progress[Symbol.dispose]()
  await all.pass(4)
  expect(all.health.isReady).toBe(true)
})
