import { SimGroup } from './group.ts'
import { SimLog, type SimRecord } from './log.ts'
import { Market } from './market.ts'
import type { Rules } from './oracle.ts'
import { Processor, type Site, TOPIC } from './processor.ts'
import { SimStore } from './store.ts'
import { Watch } from './watch.ts'
import { World } from './world.ts'
import { partitionOf } from '../../src/stream/broker/partitioner.ts'
import { deadLetterTopic, lateTopic } from '../../src/stream/topics.ts'
import type { LateRow } from '../../src/trade.ts'

/** One log under one set of rules. */
export interface Epoch {
  rules: Rules
  /** By partition; null: those that are in the log now. */
  records: SimRecord[][] | null
  /** First retained offset by partition, where the owner had to begin behind the log's beginning. */
  cuts: ReadonlyMap<number, number>
}

const MIDNIGHT = Date.UTC(2026, 2, 3)
const SYMBOLS = ['AAPL', 'BRK.B', 'BINANCE:BTCUSDT', 'OANDA:EUR_USD', 'IC MARKETS:1', '__proto__']
const SEATS = 3

/** Everything there is in one run. */
export class Run {
  readonly world: World
  readonly log: SimLog
  readonly store: SimStore
  readonly group: SimGroup
  readonly market: Market
  readonly watch: Watch
  readonly partitions: number
  readonly idle: number
  readonly symbols: readonly string[]
  /** Stretches of log and rules, the current one last. */
  readonly epochs: Epoch[]
  readonly drained: AbortController
  /** The processors of the seats; null: nobody. */
  readonly seats: (Processor | null)[] = Array.from({ length: SEATS }, () => null)
  isDraining = false
  /** Nothing goes wrong any more. */
  isHealed = false
  /** Rows of other rules may be in the store, and are there for a reason. */
  isLoose = false
  /** Nothing was disturbed since. */
  quietSince = 0
  rules: Rules
  readonly #flush: number
  readonly #stallLimit: number | null
  #starts = 0
  #told: { size: number; ids: Set<string> } = { size: 0, ids: new Set() }
  readonly #dead = new Map<number, { size: number; offsets: Set<number> }>()

  constructor(seed: number, isTraced: boolean) {
    const start = MIDNIGHT
    this.world = new World({ seed, start, isTraced })
    this.drained = this.world.controller()
    const { dice } = this.world
    // Some boundary is never far.
    const boundary = dice.pick([0, 0, 3_600_000, 300_000, 60_000])
    this.world.now += boundary - dice.upTo(90_000)
    const [window, hop] = dice.pick([
      [15_000, 5_000],
      [15_000, 5_000],
      [15_000, 5_000],
      [10_000, 10_000],
      [30_000, 10_000],
    ] as const)
    this.rules = { window, hop, delay: dice.pick([2_000, 5_000, 15_000]), futureLimit: 5_000 }
    this.partitions = dice.pick([1, 1, 2, 3])
    this.idle = dice.pick([4_000, 8_000, 20_000])
    this.#flush = dice.pick([0, 250, 2_000])
    this.#stallLimit = dice.chance(0.5) ? 120_000 : null
    this.symbols = SYMBOLS.slice(0, dice.between(1, 4))
    this.log = new SimLog(this.world)
    this.log.create(TOPIC, this.partitions)
    this.store = new SimStore(this.world, {
      periodMs: dice.pick([0, 600, 2_000, 10_000]),
      // Under other rules the same number of trades may be other trades.
      conflict: (message) => this.epochs.every(({ rules }) => rules === this.rules) && this.world.fail(message),
    })
    this.group = new SimGroup(this.world, { log: this.log, topic: TOPIC })
    const lead = dice.pick([0, 0, 0, -100_000_000])
    this.market = new Market(dice.fork(), { ...this.rules, symbols: this.symbols, lead })
    this.epochs = [{ rules: this.rules, records: null, cuts: new Map() }]
    this.watch = new Watch(this)
  }

  get cuts(): ReadonlyMap<number, number> {
    return this.epochs.at(-1)?.cuts ?? new Map<number, number>()
  }

  get isAnyoneThere(): boolean {
    return this.seats.some((seat) => seat !== null && !seat.isDead)
  }

  sit(seat: number): void {
    const there = this.seats[seat]
    if (there !== null && there !== undefined && !there.isDead) return
    this.seats[seat] = new Processor(`processor-${seat}.${++this.#starts}`, this.#site())
  }

  crash(seat: number): void {
    const there = this.seats[seat]
    if (there === null || there === undefined || there.isDead) return
    this.world.note(() => `${there.name} is killed`)
    there.isDead = true
  }

  append(records: ReturnType<Market['next']>): void {
    for (const { partition, offset } of this.log.append(TOPIC, records))
      this.world.note(() => `log ${partition}:${offset} ${wordsOf(this.log.slot(TOPIC, partition).records[offset])}`)
  }

  /** The offsets of a partition that are in the dead-letter topic. */
  deadLetters(partition: number): ReadonlySet<number> {
    const slots = this.log.topics.get(deadLetterTopic(TOPIC)) ?? []
    const size = slots.reduce((sum, { records }) => sum + records.length, 0)
    const known = this.#dead.get(partition)
    if (known?.size === size) return known.offsets
    const mine = slots
      .flatMap(({ records }) => records)
      .filter(({ headers }) => headers['partition'] === String(partition))
    const offsets = new Set(mine.map(({ headers }) => Number(headers['offset'])))
    this.#dead.set(partition, { size, offsets })
    return offsets
  }

  /** The late trades that are in the topic of late trades. */
  lateTold(): ReadonlySet<string> {
    const records = (this.log.topics.get(lateTopic(TOPIC)) ?? []).flatMap((slot) => slot.records)
    if (this.#told.size === records.length) return this.#told.ids
    const rows = records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as LateRow)
    const ids = new Set(rows.map((row) => `${row.log_partition}:${row.log_offset}:${row.log_index}@${row.trade_ts}`))
    this.#told = { size: records.length, ids }
    return ids
  }

  partitionOf(symbol: string): number {
    return partitionOf(symbol, this.partitions)
  }

  #site(): Site {
    const { world, log, group, store, partitions, rules, idle } = this
    return {
      world,
      log,
      group,
      store,
      partitions,
      rules,
      idle,
      flush: this.#flush,
      stallLimit: this.#stallLimit,
      drained: this.drained.signal,
    }
  }
}

function wordsOf(record: SimRecord | undefined): string {
  if (record === undefined) return ''
  const { plain, headers } = record
  if (plain === null) return `seal ${headers['watermark']} gap ${headers['gap']}`
  if (plain.isBroken) return 'broken'
  const entries = plain.entries.map(
    ({ s, t, p, v }) => `${s} ${new Date(t).toISOString().slice(8, 23)} ${p.toFixed(2)}x${v}`,
  )
  const skip = plain.skip.length === 0 ? '' : ` skip ${plain.skip.join()}`
  return `${plain.session ?? 'foreign'}/${plain.seq}/${plain.k} received ${plain.received}${skip}: ${entries.join('; ')}`
}
