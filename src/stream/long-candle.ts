import { Aggregate, aggregateOf, type DirectPrint } from './aggregate.ts'

/** A candle of 5 m or longer: what its closed children sum to, and the prints that came too late for their minute. */
export class LongCandle {
  readonly start: number
  readonly children: Aggregate
  readonly direct: DirectPrint[] = []
  written = 0

  constructor(start: number) {
    this.start = start
    this.children = new Aggregate(start, 0)
  }

  /** Children first, by time, then direct prints by offset: always this order, so that sums repeat bit for bit. */
  value(openChildren: readonly Aggregate[] = []): Aggregate {
    const sum = this.children.clone()
    for (const child of openChildren) sum.merge(child)
    for (const print of this.direct) sum.merge(aggregateOf(print))
    return sum
  }
}
