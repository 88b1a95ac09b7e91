import type { CandleRow, WindowRow } from '../../trade.ts'
import { supersedes } from '../live/live-row.ts'

const MOST = 20_000
const KEPT = 0.75

/** Rows of one symbol by time, each in its newest state, whatever order they come in. */
export class Bars<Row extends CandleRow | WindowRow> {
  readonly #timeOf: (row: Row) => number
  readonly #most: number
  readonly #byTime = new Map<number, Row>()
  #sorted: Row[] = []
  #isSorted = true

  /** With more than `most` the newest three quarters stay: to forget one with each new costs a drawing of all. */
  constructor(timeOf: (row: Row) => number, most = MOST) {
    this.#timeOf = timeOf
    this.#most = most
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
    const first = this.size > this.#most ? this.rows.at(-Math.floor(this.#most * KEPT)) : undefined
    if (first !== undefined) this.forgetBefore(this.#timeOf(first))
  }

  forgetBefore(time: number): void {
    for (const known of this.#byTime.keys()) if (known < time) this.#byTime.delete(known)
    this.#isSorted = false
  }

  clear(): void {
    this.#byTime.clear()
    this.#sorted = []
    this.#isSorted = true
  }
}
