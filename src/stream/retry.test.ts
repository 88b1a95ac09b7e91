import { expect, test } from 'bun:test'

import { retry } from './retry.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { createLog, createMetrics, Health } from '../telemetry.ts'

function surroundings() {
  const clock = manualClock(1_000_000)
  const events: string[] = []
  const write = (line: string) => void events.push((JSON.parse(line) as { event: string }).event)
  const log = createLog({ level: 'debug', format: 'json', clock, write })
  return { clock, events, context: { clock, log, metrics: createMetrics(), health: new Health() } }
}

const full = new StockpipeError('disk-full', 'the disk is full', { retryable: true })
const signal = new AbortController().signal

test('many calls that wait for one thing are one piece of news, and it is ready when the last one is', async () => {
  const { clock, events, context } = surroundings()
  const isFull = new Set(['a', 'b', 'c'])
  const call = (name: string) =>
    retry(
      'store',
      async () => {
        if (isFull.has(name)) throw full
      },
      { context, signal },
    )
  const calls = [...isFull].map(call)
  const pass = async () => {
    clock.advance(20_000)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  await pass()
  expect(context.health.reason('store')).toBe('the disk is full')
  isFull.delete('a')
  await pass()
  await call('x')
  expect(context.health.isReady).toBe(false)
  isFull.clear()
  await pass()
  await Promise.all(calls)
  expect(context.health.isReady).toBe(true)
  expect(events).toEqual(['store.retrying', 'store.recovered'])
})

test('what no retry cures is thrown at once, and the last error once nobody waits any more', async () => {
  const { context } = surroundings()
  const broken = new StockpipeError('corrupt', 'it is damaged')
  const fail = (error: Error, until: AbortSignal) =>
    retry('store', () => Promise.reject(error), { context, signal: until }).catch((thrown: unknown) => thrown)
  expect(await fail(broken, signal)).toBe(broken)
  expect(await fail(full, AbortSignal.abort())).toBe(full)
})
