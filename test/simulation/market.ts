import type { Dice } from './dice.ts'
import type { NewSimRecord } from './log.ts'
import { encodeHeaders, encodeValue, gapHeaders } from '../../src/stream/codec.ts'
import type { Entry } from '../../src/trade.ts'

/** What a record says, as its maker knows it. */
export interface Plain {
  entries: readonly Entry[]
  session: string | null
  seq: number
  k: number
  received: number | null
  skew: number
  /** Indexes of entries that are no rows: marked repeats, and entries that are no trades. */
  skip: readonly number[]
  isBroken: boolean
}

export interface MarketOptions {
  symbols: readonly string[]
  delay: number
  futureLimit: number
  /** Event time minus receipt: a recording of another day, or 0. */
  lead: number
}

const GRIDS = [1_000, 1_000, 5_000, 60_000, 300_000]
const FAR_LATE = [60_000, 61_000, 300_000, 900_000, 3_600_000, 86_400_000]
const FAR_AHEAD = [300_000, 900_000, 3_600_000, 86_400_000]

/** The producer: sessions, frames, and everything that goes wrong with them. */
export class Market {
  readonly #dice: Dice
  readonly #options: MarketOptions
  /** Of every symbol, what its session sent: to be sent again after an unknown acknowledgement. */
  readonly #sent = new Map<string, NewSimRecord[]>()
  /** The last records of the session before. */
  #former: NewSimRecord[] = []
  /** The newest time of each symbol. */
  readonly #newest = new Map<string, number>()
  #lead: number
  #session = 'a0'
  #sessions = 0
  #seq = 0
  #last: Entry | null = null

  constructor(dice: Dice, options: MarketOptions) {
    this.#dice = dice
    this.#options = options
    this.#lead = options.lead
  }

  /** The records of the next frame, as they go to the log at `now`. */
  next(now: number): NewSimRecord[] {
    const dice = this.#dice
    if (dice.chance(0.05)) this.#restart()
    // A recording may skip the night; the clock of a live feed may not.
    if (this.#options.lead !== 0 && dice.chance(0.04)) this.#lead += dice.pick(FAR_AHEAD)
    if (dice.chance(0.08)) return this.again()
    if (dice.chance(0.03)) return [this.#broken()]
    if (dice.chance(0.02)) return [this.#gap(now)]
    if (dice.chance(0.05)) return [this.#foreign(now)]
    const symbols = this.#options.symbols.filter(() => dice.chance(0.5))
    this.#seq++
    return (symbols.length === 0 ? [dice.pick(this.#options.symbols)] : symbols).map((symbol, k) =>
      this.#record(symbol, { now, k }),
    )
  }

  /** A plain trade of each symbol, or two of the same time, as they go to the log at `now`. */
  fresh(now: number): NewSimRecord[] {
    this.#seq++
    return this.#options.symbols.map((s, k) => {
      const t = now + this.#lead
      const trade = (p: number) => ({ c: null, p, s, t, v: 1 })
      return this.#seal(s, { now, k, entries: this.#dice.chance(0.5) ? [trade(7)] : [trade(7), trade(8)], skip: [] })
    })
  }

  /** Of each symbol one more trade of its newest time, at another price. */
  atSameTime(now: number): NewSimRecord[] {
    this.#seq++
    return [...this.#newest].map(([s, t], k) =>
      this.#seal(s, { now, k, entries: [{ c: null, p: this.#dice.between(200, 240) / 7, s, t, v: 1 }], skip: [] }),
    )
  }

  /** The feed of another day. */
  skip(ms: number): void {
    this.#lead += ms
    this.#last = null
    this.#newest.clear()
    this.#restart()
    this.#former = []
  }

  #restart(): void {
    this.#session = `s${++this.#sessions}`
    this.#seq = 0
    this.#former = [...this.#sent.values()].flatMap((records) => records.slice(-2))
    this.#sent.clear()
  }

  /** The last records of a symbol once more. */
  again(): NewSimRecord[] {
    if (this.#former.length > 0 && this.#dice.chance(0.4)) return this.#former
    const lists = [...this.#sent.values()]
    if (lists.length === 0) return []
    return this.#dice.pick(lists).slice(-this.#dice.between(1, 4))
  }

  #record(symbol: string, { now, k }: { now: number; k: number }): NewSimRecord {
    const dice = this.#dice
    const entries: Entry[] = []
    for (let left = dice.between(1, 3); left > 0; left--) entries.push(this.#entry(symbol, now))
    const skip = [...entries.keys()].filter((index) => index > 0 && dice.chance(0.06))
    return this.#seal(symbol, { now, k, entries, skip })
  }

  #seal(
    symbol: string,
    { now, k, entries, skip }: { now: number; k: number; entries: readonly Entry[]; skip: number[] },
  ): NewSimRecord {
    const received = this.#dice.chance(0.05) && this.#lead === 0 ? null : now + this.#lead
    const plain: Plain = {
      entries,
      session: this.#session,
      seq: this.#seq,
      k,
      received,
      skew: this.#dice.chance(0.1) ? 1_500 : 0,
      skip,
      isBroken: false,
    }
    const framing = this.#dice.chance(0.1) ? 'confluent' : 'raw'
    const headers = encodeHeaders(
      { session: this.#session, seq: this.#seq, k, prev: null, received, skew: plain.skew, repeats: skip },
      framing,
    )
    const record = { key: symbol, value: encodeValue(entries, framing), headers, plain }
    this.#sent.set(symbol, [...(this.#sent.get(symbol) ?? []), record])
    return record
  }

  #entry(s: string, now: number): Entry {
    const dice = this.#dice
    const last = this.#last
    if (last !== null && dice.chance(0.05)) return { ...last, s }
    const shift = this.#shift()
    const grid = dice.chance(0.2) ? dice.pick(GRIDS) : 1
    const t = Math.floor((now + this.#lead + shift) / grid) * grid
    if (shift <= 0) this.#newest.set(s, Math.max(t, this.#newest.get(s) ?? 0))
    const v = dice.chance(0.06) ? 0 : dice.between(1, 900) / 10
    return (this.#last = { c: dice.chance(0.1) ? ['1'] : null, p: dice.between(100, 140) / 7, s, t, v })
  }

  #shift(): number {
    const dice = this.#dice
    const { delay, futureLimit } = this.#options
    const kind = dice.next()
    if (kind < 0.72) return -dice.upTo(900)
    if (kind < 0.84) return -dice.upTo(delay + 6_000)
    if (kind < 0.93) return -dice.upTo(delay + 60_000)
    if (kind < 0.97) return -dice.pick(FAR_LATE) - dice.upTo(3)
    return futureLimit + dice.pick([-1, 0, 1, 1_501, 60_000])
  }

  #broken(): NewSimRecord {
    const dice = this.#dice
    const key = dice.pick(this.#options.symbols)
    const plain = { ...EMPTY, isBroken: true }
    if (dice.chance(0.3)) return { key, value: null, headers: {}, plain }
    if (dice.chance(0.5)) return { key, value: Buffer.from([200, 1, 7]), headers: { framing: 'raw' }, plain }
    return { key, value: encodeValue([], 'raw'), headers: { framing: 'raw', session: 'x', seq: 'one', k: '0' }, plain }
  }

  #gap(now: number): NewSimRecord {
    const symbol = this.#dice.pick(this.#options.symbols)
    const from = now - this.#dice.between(1_000, 90_000)
    const gap = { symbol, from, to: from + this.#dice.between(0, 90_000), cause: 'outage', detail: '' }
    return { key: symbol, value: encodeValue([], 'raw'), headers: gapHeaders(gap, 'raw'), plain: EMPTY }
  }

  /** Of another producer: no session, entries unchecked. */
  #foreign(now: number): NewSimRecord {
    const dice = this.#dice
    const key = dice.pick(this.#options.symbols)
    const good = [this.#entry(key, now), this.#entry(key, now)]
    const isBad = dice.chance(0.5)
    const entries = isBad ? [good[0] as Entry, { ...(good[1] as Entry), p: -1 }] : good
    const plain = { ...EMPTY, entries, skip: isBad ? [1] : [] }
    return { key, value: encodeValue(entries, 'raw'), headers: { framing: 'raw' }, plain }
  }
}

const EMPTY: Plain = {
  entries: [],
  session: null,
  seq: 0,
  k: 0,
  received: null,
  skew: 0,
  skip: [],
  isBroken: false,
}
