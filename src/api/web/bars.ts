import type { CandleRow, WindowRow } from '../../trade.ts'
import { supersedes } from '../live/live-row.ts'

/** Rows of one symbol by time, each in its newest state, whatever order they come in. */
export class Bars<Row extends CandleRow | WindowRow> {
  readonly #timeOf: (row: Row) => number
  readonly #byTime = new Map<number, Row>()
  #sorted: Row[] = []
  #isSorted = true

  constructor(timeOf: (row: Row) => number) {
    this.#timeOf = timeOf
  }

  /** Oldest first. The array is good until the next `put`. */
  get rows(): readonly Row[] {
    if (!this.#isSorted) {
      this.#sorted = [...this.#byTime.values()].sort((a, b) => this.#timeOf(a) - this.#timeOf(b))
      this.#isSorted = true
    }
    return this.#sorted
  }

  get size(): number {
    return this.#byTime.size
  }

  get(time: number): Row | undefined {
    return this.#byTime.get(time)
  }

  /** A row that was read before the one held was told changes nothing. */
  put(rows: readonly Row[]): void {
    for (const row of rows) {
      const time = this.#timeOf(row)
      const held = this.#byTime.get(time)
      if (held !== undefined && !supersedes(row, held)) continue
      this.#byTime.set(time, row)
      this.#isSorted = false
    }
  }

  /** Forgets the oldest beyond `most`. */
  trim(most: number): void {
    if (this.size <= most) return
    for (const row of this.rows.slice(0, this.size - most)) this.#byTime.delete(this.#timeOf(row))
    this.#isSorted = false
  }

  clear(): void {
    this.#byTime.clear()
    this.#sorted = []
    this.#isSorted = true
  }
}
