import type { ISeriesApi, SeriesDataItemTypeMap, SeriesType, UTCTimestamp } from 'lightweight-charts'

export interface PlotOptions<Item, Kind extends SeriesType> {
  series: ISeriesApi<Kind>
  timeOf: (item: Item) => number
  isSame: (a: Item, b: Item) => boolean
  pointOf: (item: Item, time: UTCTimestamp) => SeriesDataItemTypeMap[Kind]
}

/** With more changes than this all is set anew. */
const MOST_UPDATES = 40

/** A series and the items that it shows: given the items as they should be, it draws those that differ. */
export class Plot<Item, Kind extends SeriesType> {
  readonly #options: PlotOptions<Item, Kind>
  #drawn: readonly Item[] = []

  constructor(options: PlotOptions<Item, Kind>) {
    this.#options = options
  }

  /** Items oldest first, no time twice. */
  draw(items: readonly Item[]): void {
    const changed = this.#changes(items)
    const { series } = this.#options
    if (changed === null) series.setData(items.map((item) => this.#point(item)))
    // The series refuses a point that is older than its last one unless told that it is meant.
    else for (const index of changed) series.update(this.#point(items[index] as Item), index < this.#drawn.length - 1)
    this.#drawn = [...items]
  }

  /** Draws everything again, as after a change of colours. */
  redraw(): void {
    this.#options.series.setData(this.#drawn.map((item) => this.#point(item)))
  }

  /** Indexes of items to update, or null when bars went, or came between others. */
  #changes(items: readonly Item[]): number[] | null {
    const { timeOf, isSame } = this.#options
    if (items.length < this.#drawn.length || this.#drawn.length === 0) return null
    const changed: number[] = []
    for (const [index, item] of items.entries()) {
      const before = this.#drawn[index]
      if (before !== undefined && timeOf(before) !== timeOf(item)) return null
      if (before !== undefined && isSame(before, item)) continue
      if (changed.push(index) > MOST_UPDATES) return null
    }
    return changed
  }

  #point(item: Item): SeriesDataItemTypeMap[Kind] {
    const { timeOf, pointOf } = this.#options
    return pointOf(item, Math.floor(timeOf(item) / 1000) as UTCTimestamp)
  }
}
