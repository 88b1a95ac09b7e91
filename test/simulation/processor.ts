import type { SimGroup } from './group.ts'
import type { SimLog } from './log.ts'
import { simBroker } from './member.ts'
import type { Rules } from './oracle.ts'
import { MADE_UP } from './server.ts'
import type { SimStore } from './store.ts'
import type { Owner, World } from './world.ts'
import { StockpipeError } from '../../src/errors.ts'
import { PipelineStats } from '../../src/stats.ts'
import { Observer } from '../../src/stream/observer.ts'
import { Outlet, type ProcessorOptions } from '../../src/stream/outlet.ts'
import { runProcessor } from '../../src/stream/stream.ts'
import { createMetrics, type Fields, Health, type Log } from '../../src/telemetry.ts'

export const TOPIC = 'market'

export interface Site {
  world: World
  log: SimLog
  group: SimGroup
  store: SimStore
  partitions: number
  rules: Rules
  idle: number
  flush: number
  stallLimit: number | null
  drained: AbortSignal
}

/** Nobody looks at them here. */
const metrics = createMetrics()

/** One processor from its start to its end: the real engine, with everything around it simulated. */
export class Processor implements Owner {
  readonly name: string
  isDead = false
  frozenUntil = 0
  /** Ended by itself. */
  isOver = false
  /** By partition: aborts when it may not write it any more. */
  readonly owned = new Map<number, AbortSignal>()
  readonly #stop: AbortController

  constructor(name: string, site: Site) {
    this.name = name
    this.#stop = site.world.controller()
    site.world.note(() => `${name} starts`)
    const options = this.#optionsOf(site)
    const outlet = new Outlet(options, new Observer(options.context, new PipelineStats(options.context.clock)))
    runProcessor(options, outlet, this.#stop.signal).then(
      () => this.#ended(site.world, null),
      (error: unknown) => this.#ended(site.world, error),
    )
  }

  stop(): void {
    this.#stop.abort()
  }

  #ended(world: World, error: unknown): void {
    this.isOver = true
    this.isDead = true
    world.note(() => `${this.name} ends${error === null ? '' : `: ${wordsFor(error)}`}`)
    if (error === null || (error instanceof StockpipeError && error.message === MADE_UP)) return
    world.fail(`${this.name} ended with ${wordsFor(error)}`)
  }

  #optionsOf(site: Site): ProcessorOptions {
    const { world, log, group, store, rules, partitions, drained, idle, flush, stallLimit } = site
    const health = new Health()
    const clock = world.clockOf(this)
    const owns = (partition: number, signal: AbortSignal) => void this.owned.set(partition, signal)
    return {
      broker: simBroker({ world, log, group, owner: this, health, owns }),
      store: store.open(this),
      live: {
        publish() {},
        progress() {},
        published: () => clock.sleep(world.moment()),
        room: async () => (world.dice.chance(0.9) ? undefined : clock.sleep(world.moment())),
        subscribe: () => () => {},
      },
      context: { clock, health, metrics, log: logOf(this.name, world) },
      topic: TOPIC,
      partitions,
      retention: { ms: null, bytes: null },
      group: 'stockpipe',
      framing: 'raw',
      windows: rules,
      idle,
      flush,
      maxBadPercent: 100,
      stallLimit,
      drained,
    }
  }
}

const wordsFor = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error)

function logOf(name: string, world: World): Log {
  const write =
    (level: string) =>
    (event: string, fields: Fields = {}) => {
      if (level !== 'debug') world.saw(event)
      world.note(() => `${name} ${level} ${event} ${wordsOf(fields)}`)
    }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

const wordsOf = (fields: Fields): string =>
  Object.entries(fields)
    .map(([key, value]) => `${key}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
    .join(' ')
