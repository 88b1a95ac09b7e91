import { Counter, Gauge, type Registry } from '@prometheus-io/client'

import type { Clock } from './clock.ts'

/**
 * A gauge by partition that is computed when somebody asks, for whoever stands still cannot tell for how long. Null: not
 * known. Whoever puts a partition into the map takes it out again.
 */
export function gaugeByPartition(registry: Registry, name: string, help: string): Map<string, () => number | null> {
  const values = new Map<string, () => number | null>()
  const gauge = new Gauge({
    name: `stockpipe_${name}`,
    help,
    labelNames: ['partition'],
    registers: [],
    collect() {
      this.reset()
      for (const [partition, read] of values) {
        const value = read()
        if (value !== null) this.set({ partition }, value)
      }
    },
  })
  registry.registerMetric(gauge)
  return values
}

/** Time in which something stood still. What has not ended yet counts as far as it went. */
export class Pauses {
  readonly #underWay = new Set<() => number>()
  #endedMs = 0

  constructor(registry: Registry, name: string, help: string) {
    // The methods of the metric have a `this` of their own.
    const read = () => this.seconds
    const counter = new Counter({
      name: `stockpipe_${name}`,
      help,
      registers: [],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
    registry.registerMetric(counter)
  }

  /** Until it is disposed of. */
  begin(clock: Clock): Disposable {
    const startedAt = clock.elapsed()
    const passed = () => clock.elapsed() - startedAt
    this.#underWay.add(passed)
    return {
      [Symbol.dispose]: () => {
        if (this.#underWay.delete(passed)) this.#endedMs += passed()
      },
    }
  }

  get seconds(): number {
    let ms = this.#endedMs
    for (const passed of this.#underWay) ms += passed()
    return ms / 1000
  }
}
