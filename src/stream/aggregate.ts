import type { RollupRow } from '../trade.ts'

/** Where a print stands in time: event time first, then its place in the log. */
export interface Moment {
  t: number
  offset: number
  index: number
}

const isBefore = (t: number, offset: number, index: number, than: Moment): boolean =>
  t !== than.t ? t < than.t : offset !== than.offset ? offset < than.offset : index < than.index

/** Sums of the prints of one span of time that starts at `start`. Pure state; the hot path of the engine. */
export class Aggregate {
  readonly start: number
  /** The first record that counts in here; recovery must read from it. */
  readonly firstOffset: number
  n = 0
  volume = 0
  sumPv = 0
  sumP = 0
  high = Number.NEGATIVE_INFINITY
  low = Number.POSITIVE_INFINITY
  open = 0
  openT = Number.POSITIVE_INFINITY
  openOffset = 0
  openIndex = 0
  close = 0
  closeT = Number.NEGATIVE_INFINITY
  closeOffset = 0
  closeIndex = 0
  /** 4n + rank of the row written last; see `stampOf`. */
  written = 0

  constructor(start: number, firstOffset: number) {
    this.start = start
    this.firstOffset = firstOffset
  }

  /** Prints must come in log order: of equal times the later one in the log is the later print. */
  add(price: number, volume: number, t: number, offset: number, index: number): void {
    this.n++
    this.volume += volume
    this.sumPv += price * volume
    this.sumP += price
    if (price > this.high) this.high = price
    if (price < this.low) this.low = price
    if (t < this.openT) {
      this.open = price
      this.openT = t
      this.openOffset = offset
      this.openIndex = index
    }
    if (t >= this.closeT) {
      this.close = price
      this.closeT = t
      this.closeOffset = offset
      this.closeIndex = index
    }
  }

  /** Adds all of `other`, in any order of time. */
  merge(other: Aggregate): void {
    this.n += other.n
    this.volume += other.volume
    this.sumPv += other.sumPv
    this.sumP += other.sumP
    if (other.high > this.high) this.high = other.high
    if (other.low < this.low) this.low = other.low
    if (isBefore(other.openT, other.openOffset, other.openIndex, this.#opened())) {
      this.open = other.open
      this.openT = other.openT
      this.openOffset = other.openOffset
      this.openIndex = other.openIndex
    }
    if (!isBefore(other.closeT, other.closeOffset, other.closeIndex, this.#closed())) {
      this.close = other.close
      this.closeT = other.closeT
      this.closeOffset = other.closeOffset
      this.closeIndex = other.closeIndex
    }
  }

  clone(): Aggregate {
    const copy = new Aggregate(this.start, this.firstOffset)
    copy.merge(this)
    return copy
  }

  #opened(): Moment {
    return { t: this.openT, offset: this.openOffset, index: this.openIndex }
  }

  #closed(): Moment {
    return { t: this.closeT, offset: this.closeOffset, index: this.closeIndex }
  }
}

/** One print that was too late for its minute and enters a longer candle by itself. */
export interface DirectPrint extends Moment {
  price: number
  volume: number
}

/** A print as an aggregate of one, so that it merges by its own moment and not by its turn. */
export function aggregateOf(print: DirectPrint): Aggregate {
  const one = new Aggregate(print.t, print.offset)
  one.add(print.price, print.volume, print.t, print.offset, print.index)
  return one
}

type Sums = Omit<RollupRow, 'log_partition' | 'incarnation' | 'day' | 'interval' | 'symbol'>

/** Everything that makes the same aggregate again, bit for bit. */
export const sumsOf = (aggregate: Aggregate): Sums => ({
  start_ts: aggregate.start,
  n: aggregate.n,
  volume: aggregate.volume,
  sum_pv: aggregate.sumPv,
  sum_p: aggregate.sumP,
  high: aggregate.high,
  low: aggregate.low,
  open: aggregate.open,
  open_ts: aggregate.openT,
  open_offset: aggregate.openOffset,
  open_index: aggregate.openIndex,
  close: aggregate.close,
  close_ts: aggregate.closeT,
  close_offset: aggregate.closeOffset,
  close_index: aggregate.closeIndex,
})

export function fromSums(row: Sums): Aggregate {
  const aggregate = new Aggregate(row.start_ts, row.open_offset)
  aggregate.n = row.n
  aggregate.volume = row.volume
  aggregate.sumPv = row.sum_pv
  aggregate.sumP = row.sum_p
  aggregate.high = row.high
  aggregate.low = row.low
  aggregate.open = row.open
  aggregate.openT = row.open_ts
  aggregate.openOffset = row.open_offset
  aggregate.openIndex = row.open_index
  aggregate.close = row.close
  aggregate.closeT = row.close_ts
  aggregate.closeOffset = row.close_offset
  aggregate.closeIndex = row.close_index
  return aggregate
}
