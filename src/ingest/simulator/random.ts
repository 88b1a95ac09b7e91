/** Seeded numbers that depend on nothing but their arguments: the same on every machine and in every run. */

const scramble = (value: number): number => {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** 32 bits from a key, a whole number of up to 53 bits and a salt. */
export const hash = (key: number, index: number, salt: number): number => {
  const low = scramble(key ^ (index >>> 0))
  const high = scramble(low ^ (Math.floor(index / 0x1_0000_0000) >>> 0) ^ Math.imul(salt + 1, 0x9e3779b1))
  return scramble(high + 0x6d2b79f5)
}

export const hashText = (text: string, seed: number): number => {
  let h = scramble(seed ^ 0x2545f491)
  for (let index = 0; index < text.length; index++) h = scramble(Math.imul(h, 31) ^ text.charCodeAt(index))
  return h
}

/** Close to a standard normal: the sum of four uniforms, so that no `log` or `cos` can differ between machines. */
export const gauss = (key: number, index: number, salt: number): number => {
  const a = hash(key, index, salt)
  const b = hash(key, index, salt + 0x5bd1)
  return ((a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16) - 0x1fffe) * (1.7320508075688772 / 0x10000)
}

/** A sequence for draws whose number is not known beforehand. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In `[0, 1)`. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    return scramble(this.#state) / 0x1_0000_0000
  }

  chance(share: number): boolean {
    return share > 0 && this.next() < share
  }

  /** Whole, in `[0, below)`. */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  normal(): number {
    return (this.next() + this.next() + this.next() + this.next() - 2) * 1.7320508075688772
  }

  /** How many events a slot holds when `mean` are expected. */
  poisson(mean: number): number {
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()))
    const limit = Math.exp(-mean)
    let count = 0
    for (let product = this.next(); product > limit; product *= this.next()) count++
    return count
  }
}
