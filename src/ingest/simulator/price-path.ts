import type { Instrument } from './instrument.ts'
import { gauss, hashText } from './random.ts'

/** Slots of 128 ms: within one, the price moves in a straight line. */
export const SLOT_MS = 128

const SLOT_LEVEL = 7
/** 2^32 ms, about 50 days: at whole multiples of it every price is at its level. */
const TOP_LEVEL = 32
const YEAR_MS = 31_557_600_000
/** Volatility changes its mind at time scales from 1 s to 18 h: quiet hours with wild minutes in them. */
const CLUSTER_LEVELS = { from: 10, to: 26 } as const
const CLUSTER_STRENGTH = 0.2
const CLUSTER_VARIANCE = CLUSTER_STRENGTH ** 2 * (CLUSTER_LEVELS.to - CLUSTER_LEVELS.from + 1)

/** One slot: log prices at both ends. */
export interface PathSlot {
  start: number
  end: number
  /** How many trades there are in comparison with usual; its long mean is 1. */
  activity: number
}

interface Node {
  index: number
  left: number
  right: number
  heat: number
}

/**
 * A price as a function of absolute time: a Brownian bridge by midpoint displacement over aligned intervals of
 * 2^k ms, whose strength is itself a random cascade down the same intervals. Any moment costs O(log),
 * and whoever asks, whenever, gets the same answer.
 */
export class PricePath {
  readonly #key: number
  readonly #level: number
  readonly #volatility: number
  /** The way from the top to the slot asked for last: its neighbour shares most of it. */
  readonly #nodes: Node[] = []

  constructor(instrument: Instrument, seed: number) {
    this.#key = hashText(instrument.symbol, seed)
    this.#level = Math.log(instrument.level)
    this.#volatility = instrument.volatility / Math.sqrt(YEAR_MS)
  }

  /** `index` counts slots since 1970. */
  slot(index: number): PathSlot {
    let node = this.#top(index)
    for (let level = TOP_LEVEL - 1; level >= SLOT_LEVEL; level--) {
      const wanted = Math.floor(index / 2 ** (level - SLOT_LEVEL))
      const known = this.#nodes[level]
      node = known?.index === wanted ? known : (this.#nodes[level] = this.#child(node, level, wanted))
    }
    return { start: this.#level + node.left, end: this.#level + node.right, activity: activityOf(node.heat) }
  }

  at(time: number): number {
    const index = Math.floor(time / SLOT_MS)
    const { start, end } = this.slot(index)
    return Math.exp(start + ((end - start) * (time - index * SLOT_MS)) / SLOT_MS)
  }

  #top(slot: number): Node {
    const index = Math.floor(slot / 2 ** (TOP_LEVEL - SLOT_LEVEL))
    const known = this.#nodes[TOP_LEVEL]
    if (known?.index === index) return known
    // Everything below belongs to another interval: their indexes say so too, for they contain this one.
    return (this.#nodes[TOP_LEVEL] = { index, left: 0, right: 0, heat: 0 })
  }

  #child(parent: Node, level: number, index: number): Node {
    const strength = (this.#volatility * Math.sqrt(2 ** (level + 1)) * Math.exp(parent.heat)) / 2
    const middle = (parent.left + parent.right) / 2 + strength * gauss(this.#key, parent.index, level)
    const [left, right] = index % 2 === 0 ? [parent.left, middle] : [middle, parent.right]
    return { index, left, right, heat: parent.heat + this.#heating(level, index) }
  }

  /** Lowered so that the mean of the squared strength stays 1. */
  #heating(level: number, index: number): number {
    if (level < CLUSTER_LEVELS.from || level > CLUSTER_LEVELS.to) return 0
    return CLUSTER_STRENGTH * (gauss(this.#key, index, level + 1000) - CLUSTER_STRENGTH)
  }
}

const activityOf = (heat: number): number => Math.exp(heat + CLUSTER_VARIANCE / 2)
