import type { Entry } from '../../trade.ts'
import { Random } from './random.ts'

/** One trade frame as it goes over the wire. `repeats`: the indexes of entries sent before on this connection. */
export interface TradeFrame {
  text: string
  repeats: readonly number[]
}

/** The most entries one frame holds. */
const MOST_ENTRIES = 200

export const tradeText = (entries: readonly Entry[]): string => JSON.stringify({ data: entries, type: 'trade' })

/** Packs entries into frames, delivering each as often as asked: a copy comes in the same frame or in the next one. */
export class Deliveries {
  readonly #copies: number
  readonly #random: Random
  #carried: Entry[] = []

  constructor(repeats: 1 | 2 | 3, seed: number) {
    this.#copies = repeats - 1
    this.#random = new Random(seed)
  }

  /** `entries` are new; without any, only the copies still owed are sent. */
  pack(entries: readonly Entry[]): TradeFrame[] {
    if (entries.length === 0) return this.#carried.length > 0 ? [this.#frame([])] : []
    const frames: TradeFrame[] = []
    const most = Math.ceil(MOST_ENTRIES / (1 + this.#copies))
    for (let start = 0; start < entries.length; start += most)
      frames.push(this.#frame(entries.slice(start, start + most)))
    return frames
  }

  #frame(entries: readonly Entry[]): TradeFrame {
    if (this.#copies === 0) return { text: tradeText(entries), repeats: [] }
    const data = this.#carried
    const repeats = data.map((_entry, index) => index)
    this.#carried = []
    const later: Entry[] = []
    for (const entry of entries) {
      data.push(entry)
      for (let copy = 0; copy < this.#copies; copy++) (this.#random.next() < 0.5 ? later : this.#carried).push(entry)
    }
    for (const entry of later) repeats.push(data.push(entry) - 1)
    return { text: tradeText(data), repeats }
  }
}
