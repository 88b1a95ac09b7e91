/**
 * How long trades take, hop by hop, over the last seconds. The way of a trade: the exchange stamps it, the producer
 * receives it, the log has it, the store shows it, the api sends it to who listens.
 */
import type { Clock } from './clock.ts'
import type { ClockDoubt } from './clock-doubt.ts'

export const HOPS = ['exchange_receive', 'receive_broker', 'broker_store', 'store_serve'] as const
export type Hop = (typeof HOPS)[number]

/** Besides the hops: from receipt to readable, and how old trades are that are no news when they come. */
const STRETCHES = [...HOPS, 'receive_store', 'history'] as const
export type Stretch = (typeof STRETCHES)[number]

export const LATENCY_WINDOW_S = 10
/** Of a partition whose processor says nothing any more, nothing is known. It speaks every ten seconds at least. */
const TOLD_FOR_MS = 15_000
/** The processes' own, of no partition. */
const NO_PARTITION = -1

/** Upper bounds in ms, a quarter apart, both ways: below zero where the clocks of the two ends do not agree. */
const ABOVE = [...new Set(Array.from({ length: 72 }, (_, index) => Math.round(1.25 ** index)))]
const BOUNDS = [...ABOVE.toReversed().map((bound) => -bound), 0, ...ABOVE]
const LARGEST = BOUNDS.at(-1) ?? 0

/** How many samples lie below a bound (ms) and above the one before. */
export type Counts = ReadonlyMap<number, number>
/** As it travels between processes. */
export type ToldLatency = Partial<Record<Stretch, Readonly<Record<string, number>>>>

export interface Quantiles {
  samples: number
  /** Upper bounds, at most a quarter too high; null without samples. Below zero where clocks do not agree. */
  p50: number | null
  p99: number | null
}

/** Samples of all hops: those of this process, and what processors elsewhere tell. Constant memory, a map a second. */
export class Latencies {
  /** The feed's clock minus this one (ms); null where the feed is elsewhere, or has not told. */
  feedClock: { offset: number; doubt: ClockDoubt | null } | null = null
  readonly #clock: Clock
  readonly #own = new Map<number, Map<Stretch, Slots>>()
  #told: Map<number, { at: number; counts: ReadonlyMap<Stretch, Counts> }> | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(stretch: Stretch, ms: number, partition = NO_PARTITION): void {
    const stretches = this.#own.get(partition) ?? new Map<Stretch, Slots>()
    this.#own.set(partition, stretches)
    const slots = stretches.get(stretch) ?? new Slots()
    stretches.set(stretch, slots)
    slots.add(boundOf(ms), this.#second())
  }

  /** What this process knows of a partition, for those who are elsewhere; undefined: nothing. */
  of(partition: number): ToldLatency | undefined {
    const told = [...(this.#own.get(partition) ?? [])].flatMap(([stretch, slots]) => {
      const counts = slots.counts(this.#second())
      return counts.size === 0 ? [] : [[stretch, Object.fromEntries(counts)] as const]
    })
    return told.length === 0 ? undefined : (Object.fromEntries(told) as ToldLatency)
  }

  /** From now on processors tell, also those of this process: of their partitions nothing else counts. */
  listen(): void {
    this.#told ??= new Map()
  }

  hear(partition: number, told: unknown): void {
    this.#told?.set(partition, { at: this.#clock.elapsed(), counts: read(told) })
  }

  /** Whether anybody tells of partitions: here, or lately elsewhere. */
  get isKnown(): boolean {
    return this.#told === null || [...this.#told.values()].some(({ at }) => this.#isFresh(at))
  }

  quantiles(stretch: Stretch): Quantiles {
    const counts = this.#counts(stretch)
    const samples = [...counts.values()].reduce((sum, count) => sum + count, 0)
    return { samples, p50: quantile(counts, samples * 0.5), p99: quantile(counts, samples * 0.99) }
  }

  #counts(stretch: Stretch): Counts {
    const sum = new Map<number, number>()
    const put = (counts: Counts) => {
      for (const [bound, count] of counts) sum.set(bound, (sum.get(bound) ?? 0) + count)
    }
    for (const [partition, stretches] of this.#own)
      if (this.#told === null || partition === NO_PARTITION)
        put(stretches.get(stretch)?.counts(this.#second()) ?? new Map())
    for (const { at, counts } of this.#told?.values() ?? [])
      if (this.#isFresh(at)) put(counts.get(stretch) ?? new Map())
    return sum
  }

  #isFresh(at: number): boolean {
    return this.#clock.elapsed() - at < TOLD_FOR_MS
  }

  #second(): number {
    return Math.floor(this.#clock.elapsed() / 1000)
  }
}

/** Counts by second. */
class Slots {
  readonly #slots: { second: number; counts: Map<number, number> }[] = []

  add(bound: number, second: number): void {
    let last = this.#slots.at(-1)
    if (last?.second !== second) {
      last = { second, counts: new Map() }
      this.#slots.push(last)
      if (this.#slots.length > LATENCY_WINDOW_S) this.#slots.shift()
    }
    last.counts.set(bound, (last.counts.get(bound) ?? 0) + 1)
  }

  counts(now: number): Counts {
    const sum = new Map<number, number>()
    for (const { second, counts } of this.#slots) {
      if (second <= now - LATENCY_WINDOW_S) continue
      for (const [bound, count] of counts) sum.set(bound, (sum.get(bound) ?? 0) + count)
    }
    return sum
  }
}

const boundOf = (ms: number): number => BOUNDS.find((bound) => ms <= bound) ?? LARGEST

/** The bound below which `rank` samples lie. */
function quantile(counts: Counts, rank: number): number | null {
  let passed = 0
  for (const bound of [...counts.keys()].sort((a, b) => a - b))
    if ((passed += counts.get(bound) ?? 0) >= rank) return bound
  return null
}

/** Anything may lie in a topic: what is no count is left out. */
function read(told: unknown): ReadonlyMap<Stretch, Counts> {
  const found = new Map<Stretch, Counts>()
  if (typeof told !== 'object' || told === null) return found
  for (const stretch of STRETCHES) {
    const counts: unknown = Reflect.get(told, stretch)
    if (typeof counts !== 'object' || counts === null) continue
    const valid = Object.entries(counts)
      .map(([bound, count]: [string, unknown]) => [Number(bound), Number(count)] as const)
      .filter(([bound, count]) => Number.isSafeInteger(bound) && Number.isSafeInteger(count) && count > 0)
    found.set(stretch, new Map(valid))
  }
  return found
}
