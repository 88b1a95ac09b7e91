import { expect, test } from 'bun:test'
import { tmpdir } from 'node:os'

import { Registry } from '@prometheus-io/client'

import { systemClock } from './clock.ts'
import { collectDisk, collectProcess } from './process-metrics.ts'

async function valuesOf(registry: Registry): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => line.split(' ')).map(([name = '', value]) => [name, Number(value)]))
}

test('a process tells its memory, its processor time and when it started', async () => {
  const registry = new Registry()
  collectProcess(registry, systemClock)
  const values = await valuesOf(registry)
  expect(values.get('process_resident_memory_bytes')).toBeGreaterThan(1e6)
  expect(values.get('stockpipe_heap_used_bytes')).toBeGreaterThan(1e4)
  expect(values.get('stockpipe_heap_size_bytes')).toBeGreaterThan(1e4)
  const startedAt = values.get('process_start_time_seconds') ?? 0
  expect(Math.abs(startedAt + process.uptime() - Date.now() / 1000)).toBeLessThan(5)
})

test('processor time only grows, however often it is asked', async () => {
  const registry = new Registry()
  collectProcess(registry, systemClock)
  const before = (await valuesOf(registry)).get('process_cpu_seconds_total') ?? 0
  const until = performance.now() + 50
  while (performance.now() < until);
  const after = (await valuesOf(registry)).get('process_cpu_seconds_total') ?? 0
  expect(after - before).toBeGreaterThan(0.01)
  expect(after - before).toBeLessThan(5)
})

test('who holds up the event loop is seen once', async () => {
  const registry = new Registry()
  collectProcess(registry, systemClock)
  // It measures from one of its own ticks to the next.
  const longest = async () => (await valuesOf(registry)).get('stockpipe_event_loop_lag_seconds') ?? 0
  await Bun.sleep(60)
  const until = performance.now() + 300
  while (performance.now() < until);
  await Bun.sleep(60)
  expect(await longest()).toBeGreaterThan(0.2)
  expect(await longest()).toBeLessThan(0.2)
})

test('the disk tells what is free, and nothing when its folder is gone', async () => {
  const there = new Registry()
  collectDisk(there, tmpdir())
  expect((await valuesOf(there)).get('stockpipe_disk_free_bytes')).toBeGreaterThan(0)
  const gone = new Registry()
  collectDisk(gone, `${tmpdir()}/no-such-folder`)
  expect((await valuesOf(gone)).has('stockpipe_disk_free_bytes')).toBe(false)
})
