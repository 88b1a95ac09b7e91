/** A trade as it is summed: `offset` and `index` are its place in the log, `timestamp` the log's own. */
export interface Print {
  symbol: string
  price: number
  volume: number
  t: number
  offset: number
  index: number
  timestamp: number
}

/** A sum that loses nothing to rounding on the way (Neumaier), so that a day of trades can be compared to 1e-9. */
class ExactSum {
  #sum = 0
  #rest = 0

  add(value: number): void {
    const next = this.#sum + value
    this.#rest += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - next + value : value - next + this.#sum
    this.#sum = next
  }

  get value(): number {
    return Number.isFinite(this.#sum) ? this.#sum + this.#rest : this.#sum
  }
}

const isBefore = (a: Print, b: Print): boolean =>
  a.t !== b.t ? a.t < b.t : a.offset !== b.offset ? a.offset < b.offset : a.index < b.index

/** The trades of one window, in any order. */
export class Sums {
  n = 0
  high = Number.NEGATIVE_INFINITY
  low = Number.POSITIVE_INFINITY
  /** The log's timestamp of the newest record that counts in here. */
  touched = 0
  /** Of the newest record that counts in here. */
  lastOffset = -1
  readonly #volume = new ExactSum()
  readonly #pv = new ExactSum()
  readonly #p = new ExactSum()
  #first: Print | null = null
  #last: Print | null = null

  add(print: Print): void {
    const { price, volume, timestamp, offset } = print
    this.n++
    this.#volume.add(volume)
    this.#pv.add(price * volume)
    this.#p.add(price)
    this.high = Math.max(this.high, price)
    this.low = Math.min(this.low, price)
    this.touched = Math.max(this.touched, timestamp)
    this.lastOffset = Math.max(this.lastOffset, offset)
    if (this.#first === null || isBefore(print, this.#first)) this.#first = print
    if (this.#last === null || isBefore(this.#last, print)) this.#last = print
  }

  get values(): Values {
    const volume = this.#volume.value
    const pv = this.#pv.value
    return {
      n: this.n,
      open: this.#first?.price ?? Number.NaN,
      high: this.high,
      low: this.low,
      close: this.#last?.price ?? Number.NaN,
      volume,
      vwap: pv / volume,
      mean_price: this.#p.value / this.n,
      mean_notional: pv / this.n,
    }
  }
}

/** What the rules say of a window, in the columns of the tables. Candles have no means. */
export interface Values {
  n: number
  open: number
  high: number
  low: number
  close: number
  volume: number
  vwap: number
  mean_price: number
  mean_notional: number
}
