import { statfsSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { Counter, Gauge, type Registry } from '@prometheus-io/client'

import type { Clock } from './clock.ts'

const LOOP_RESOLUTION_MS = 20

/** What every program tells of itself, by the names that every program uses, and what a heap and an event loop do. */
export function collectProcess(registry: Registry, clock: Clock): void {
  const startedAt = clock.now() / 1000 - process.uptime()
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  loop.enable()
  const longestDelay = () => {
    const longest = loop.max / 1e9
    loop.reset()
    return longest
  }
  for (const metric of [
    gauge('process_start_time_seconds', 'When the process started', () => startedAt),
    gauge('process_resident_memory_bytes', 'Memory in use', () => process.memoryUsage.rss()),
    gauge('stockpipe_heap_used_bytes', 'Heap in use', () => process.memoryUsage().heapUsed),
    gauge('stockpipe_heap_size_bytes', 'Heap, with what is free in it', () => process.memoryUsage().heapTotal),
    gauge(
      'stockpipe_event_loop_lag_seconds',
      'Longest hold-up of the event loop since this was last asked',
      longestDelay,
    ),
    cpuTime(),
  ])
    registry.registerMetric(metric)
}

const gauge = (name: string, help: string, read: () => number): Gauge =>
  new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read())
    },
  })

const cpuTime = (): Counter =>
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Time spent on processors',
    registers: [],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })

/** Says nothing where the disk cannot be asked. */
export function collectDisk(registry: Registry, folder: string): void {
  const free = new Gauge({
    name: 'stockpipe_disk_free_bytes',
    help: 'Free on the disk of the data',
    registers: [],
    collect() {
      this.remove()
      try {
        const { bavail, bsize } = statfsSync(folder)
        this.set(bavail * bsize)
      } catch {
        // The folder may be gone for a moment; the next time tells.
      }
    },
  })
  registry.registerMetric(free)
}
