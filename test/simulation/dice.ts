/** Chance that repeats: the same seed gives the same numbers. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
    for (let turn = 0; turn < 4; turn++) this.next()
  }

  /** `[0, 1)` */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number in `[0, count)`. */
  upTo(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** A whole number in `[from, to]`. */
  between(from: number, to: number): number {
    return from + this.upTo(to - from + 1)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.upTo(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** Chance of its own, for a part that must not disturb the others. */
  fork(): Dice {
    return new Dice(this.upTo(0x7fffffff))
  }
}
