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

const refused = new StockpipeError('auth', 'the topic cannot be read', {
  why: 'wrong password',
  hint: 'correct it',
  mendable: true,
})

test('one cause is one line, whatever parts of the program meet it; another cause is another line', async () => {
  const { clock, events, context } = surroundings()
  const answers = new Map<string, StockpipeError | null>()
  const call = (component: 'log' | 'live', name: string) =>
    retry(
      component,
      async () => {
        const error = answers.get(name) ?? null
        if (error !== null) throw error
      },
      { context, signal },
    )
  const pass = async () => {
    clock.advance(20_000)
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  for (const name of ['a', 'b']) answers.set(name, refused)
  const calls = [call('log', 'a'), call('live', 'b')]
  await pass()
  expect(events).toEqual(['log.retrying'])
  expect(context.health.reason('live')).toBe('the topic cannot be read (wrong password)')
  answers.set('b', full)
  await pass()
  answers.set('b', refused)
  await pass()
  expect(events).toEqual(['log.retrying', 'live.retrying'])
  answers.clear()
  await pass()
  await Promise.all(calls)
  expect(events.slice(2).sort()).toEqual(['live.recovered', 'log.recovered'])
  expect(context.health.isReady).toBe(true)
})

test('what was never asked before is not ready until it answers', async () => {
  const { context } = surroundings()
  const { promise, resolve } = Promise.withResolvers<void>()
  const call = retry('store', () => promise, { context, signal })
  expect(context.health.reason('store')).toBe('no answer yet')
  resolve()
  await call
  expect(context.health.isReady).toBe(true)
  const again = retry('store', () => new Promise<void>(() => {}), { context, signal })
  expect(again).toBeInstanceOf(Promise)
  expect(context.health.isReady).toBe(true)
})

test('who gives up is no longer a reason not to be ready', async () => {
  const { clock, events, context } = surroundings()
  const stop = new AbortController()
  const call = retry('store', () => Promise.reject(full), { context, signal: stop.signal }).catch(() => {})
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  expect(context.health.isReady).toBe(false)
  stop.abort()
  clock.advance(20_000)
  await call
  expect(context.health.isReady).toBe(true)
  expect(events).toEqual(['store.retrying'])
})

test('failures that are part of a start are on /readyz, and not worth a line', async () => {
  const { clock, events, context } = surroundings()
  let failures = 0
  const work = async () => {
    if (failures++ < 3) throw full
  }
  const call = retry('live', work, { context, signal, quietFor: 3 })
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  expect(context.health.isReady).toBe(false)
  for (let round = 0; round < 5; round++) {
    clock.advance(20_000)
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  await call
  expect(events).toEqual([])
})

test('what is tried again is counted for whom it is asked of, and of the store once more by itself', async () => {
  const { clock, context } = surroundings()
  const failing = (component: 'store' | 'log', error: StockpipeError, times: number) => {
    let failures = 0
    const work = async () => {
      if (failures++ < times) throw error
    }
    return retry(component, work, { context, signal })
  }
  const calls = [failing('store', full, 1), failing('log', refused, 2)]
  for (let round = 0; round < 5; round++) {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    clock.advance(20_000)
  }
  await Promise.all(calls)
  const told = (await context.metrics.registry.metrics()).split('\n').filter((line) => /^\w+_retries_total/.test(line))
  expect(told).toEqual([
    'stockpipe_store_retries_total{class="disk-full"} 1',
    'stockpipe_retries_total{component="store",class="disk-full"} 1',
    'stockpipe_retries_total{component="log",class="auth"} 2',
  ])
})
