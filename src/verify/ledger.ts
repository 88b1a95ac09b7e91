/**
 * Whether two sets of rows are equal, without holding either: both are summed up by stretches of the log. Rows that
 * stand on one side only, or differ, leave a remainder in the stretch of their record; only such stretches are then
 * looked at row by row.
 */

/** Records that share a sum. */
const STRETCH = 2_048
const PARTITION = 2 ** 36

interface Remainder {
  /** How many rows more there should be than there are. */
  missing: number
  a: number
  b: number
}

/** A row of `trades` or `late_trades`. */
export interface Placed {
  log_partition: number
  log_offset: number
  log_index: number
}

export const idOf = ({ log_partition, log_offset, log_index }: Placed): string =>
  `${log_partition}:${log_offset}:${log_index}`

const stretchOf = ({ log_partition, log_offset }: Placed): number =>
  log_partition * PARTITION + Math.floor(log_offset / STRETCH)

export class Ledger {
  readonly #columns: readonly string[]
  readonly #stretches = new Map<number, Remainder>()

  constructor(columns: readonly string[]) {
    this.#columns = columns
  }

  expect(row: Placed): void {
    this.#count(row, 1)
  }

  found(row: Placed): void {
    this.#count(row, -1)
  }

  /** The stretches that are not equal, in the order of the log. */
  unequal(): { stretch: number; missing: number }[] {
    return [...this.#stretches]
      .filter(([, { missing, a, b }]) => missing !== 0 || a !== 0 || b !== 0)
      .map(([stretch, { missing }]) => ({ stretch, missing }))
      .sort((one, other) => one.stretch - other.stretch)
  }

  isIn(row: Placed, stretches: ReadonlySet<number>): boolean {
    return stretches.has(stretchOf(row))
  }

  #count(row: Placed, sign: 1 | -1): void {
    const stretch = stretchOf(row)
    let remainder = this.#stretches.get(stretch)
    if (remainder === undefined) this.#stretches.set(stretch, (remainder = { missing: 0, a: 0, b: 0 }))
    const text = this.#textOf(row)
    remainder.missing += sign
    remainder.a = (remainder.a + sign * Bun.hash.xxHash32(text)) | 0
    remainder.b = (remainder.b + sign * Bun.hash.cityHash32(text)) | 0
  }

  #textOf(row: Placed): string {
    const values = row as unknown as Readonly<Record<string, unknown>>
    let text = ''
    for (const column of this.#columns) text += `${String(values[column])}\0`
    return text
  }
}
