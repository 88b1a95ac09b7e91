import type { Entry } from '../../trade.ts'
import type { Instrument } from './instrument.ts'
import { DEFAULT_SYMBOLS, instrumentOf } from './instrument.ts'
import type { SimulatorOptions } from './options.ts'
import type { PathSlot } from './price-path.ts'
import { PricePath, SLOT_MS } from './price-path.ts'
import { Random, hash, hashText } from './random.ts'

export type TapeOptions = Pick<
  SimulatorOptions,
  'seed' | 'symbols' | 'rate' | 'twins' | 'disorderMs' | 'late' | 'futureShare' | 'zeroVolumeShare' | 'sameMsShare'
>

/** A trade, and when it is delivered. `t` is when it happened; `entry.t` what the wire says. */
export interface Print {
  t: number
  due: number
  entry: Entry
}

/** Prints of one order; larger orders take several, each at a price no better than the one before. */
const PRINTS_PER_ORDER = 1.55
const MOST_PRINTS = 12

/**
 * Every trade of one symbol, as a function of absolute time. The switches for faults draw from sequences of their
 * own: turning one on changes no other trade.
 */
export class Tape {
  readonly #instrument: Instrument
  readonly #path: PricePath
  readonly #options: TapeOptions
  readonly #key: number
  readonly #ordersPerSlot: number
  readonly #scale: number
  readonly #twins: boolean

  constructor(symbol: string, options: TapeOptions) {
    this.#instrument = instrumentOf(symbol)
    this.#path = new PricePath(this.#instrument, options.seed)
    this.#options = options
    this.#key = hashText(symbol, options.seed + 1)
    this.#ordersPerSlot = (rateOf(this.#instrument, options) * SLOT_MS) / 1000 / PRINTS_PER_ORDER
    this.#scale = 10 ** this.#instrument.decimals
    this.#twins = options.twins > 0
  }

  /** Slot `index` holds the times `[index * SLOT_MS, (index + 1) * SLOT_MS)`. In order of `t`. */
  slot(index: number): Print[] {
    const slot = this.#path.slot(index)
    const random = new Random(hash(this.#key, index, 1))
    const orders = random.poisson(this.#ordersPerSlot * slot.activity)
    if (orders === 0) return []
    const entries: Entry[] = []
    for (let order = 0; order < orders; order++) this.#order(entries, { slot, start: index * SLOT_MS, random })
    entries.sort((a, b) => a.t - b.t)
    return this.#deliveries(this.#twins ? this.#withTwins(entries, index) : entries, index)
  }

  #order(into: Entry[], at: { slot: PathSlot; start: number; random: Random }): void {
    const { slot, start, random } = at
    const { sameMsShare } = this.#options
    let offset = random.below(SLOT_MS)
    const middle = Math.exp(slot.start + ((slot.end - slot.start) * offset) / SLOT_MS) * this.#scale
    const side = random.next() < 0.5 ? -1 : 1
    const spread = 0.5 + random.below(3) * 0.5
    let price = Math.round(middle + side * spread)
    for (let print = 0; print < MOST_PRINTS; print++) {
      into.push(this.#entry(Math.max(1, price), start + offset, random))
      if (random.next() > 1 - 1 / PRINTS_PER_ORDER) return
      if (random.next() < 0.4) price += side * (1 + random.below(2))
      if (random.next() >= sameMsShare) offset = Math.min(SLOT_MS - 1, offset + 1 + random.below(4))
    }
  }

  #entry(price: number, t: number, random: Random): Entry {
    const { symbol, kind, size } = this.#instrument
    const p = price / this.#scale
    if (kind === 'crypto') return { c: null, p, s: symbol, t, v: fraction(size, random) }
    const v = shares(random)
    return { c: conditions(v, random), p, s: symbol, t, v }
  }

  #withTwins(entries: readonly Entry[], index: number): Entry[] {
    const random = new Random(hash(this.#key, index, 2))
    return entries.flatMap((entry) => (random.chance(this.#options.twins) ? [entry, entry] : [entry]))
  }

  #deliveries(entries: readonly Entry[], index: number): Print[] {
    const { disorderMs, late, futureShare, zeroVolumeShare } = this.#options
    const random = new Random(hash(this.#key, index, 3))
    return entries.map((entry) => {
      const { t } = entry
      const [disorder, lateness, ahead, update] = [random.next(), random.next(), random.next(), random.next()]
      const due = t + Math.floor(disorder * (disorderMs + 1)) + (late !== null && lateness < late.share ? late.ms : 0)
      const isUpdate = update < zeroVolumeShare
      const isAhead = ahead < futureShare
      if (!isUpdate && !isAhead) return { t, due, entry }
      const changed = {
        ...entry,
        v: isUpdate ? 0 : entry.v,
        t: isAhead ? t + 10_000 + Math.floor(disorder * 50_000) : t,
      }
      return { t, due, entry: changed }
    })
  }
}

/** Trades a second. */
export function rateOf(instrument: Instrument, options: Pick<TapeOptions, 'symbols' | 'rate'>): number {
  const { symbols, rate } = options
  if (symbols !== null && !symbols.includes(instrument.symbol)) return 0
  const basket = symbols ?? DEFAULT_SYMBOLS
  const weights = basket.reduce((sum, symbol) => sum + instrumentOf(symbol).weight, 0)
  return (rate * instrument.weight) / weights
}

/** Six decimals; most are small, a few are hundreds of times as large. */
function fraction(size: number, random: Random): number {
  const amount = size * Math.exp(1.35 * random.normal()) * (random.next() < 0.02 ? 2 + 30 * random.next() : 1)
  const places = size > 50 && random.next() < 0.7 ? 10 : 1_000_000
  return Math.max(1, Math.round(amount * places)) / places
}

function shares(random: Random): number {
  const draw = random.next()
  if (draw < 0.55) return 1 + random.below(99)
  if (draw < 0.85) return 100
  if (draw < 0.98) return 100 * (2 + random.below(9))
  return 1_000 * (1 + random.below(12))
}

/** 1 regular, 8 intermarket sweep, 12 odd lot. */
function conditions(volume: number, random: Random): string[] {
  const codes = ['1']
  if (random.next() < 0.25) codes.push('8')
  if (volume < 100) codes.push('12')
  return codes
}
