import type { RowSink } from './symbol-windows.ts'
import { noRows } from './store.ts'

/** More waiting rows than this, and the one who adds waits. */
const MOST_ROWS = 5_000

/**
 * Rows of windows and candles on their way to the store, behind the trades and never in their way: one write is under
 * way at a time, and of each row that waits meanwhile only the newest state is kept. A slow store so gets fewer states
 * of open windows, and every final one.
 */
export class RowQueue {
  readonly #write: (rows: RowSink) => Promise<void>
  #waiting = new Waiting()
  #underWay: Promise<void> | null = null
  #failure: unknown = null

  /** `write` resolves when the store has the rows, and throws only what ends everything. */
  constructor(write: (rows: RowSink) => Promise<void>) {
    this.#write = write
  }

  add(rows: RowSink): void {
    this.#waiting.add(rows)
    this.#pump()
  }

  /** Resolves when there is room for more. Throws what a write threw. */
  async room(): Promise<void> {
    while (this.#failure === null && this.#waiting.size > MOST_ROWS) await this.#underWay
    this.#check()
  }

  /** Resolves when the store has all rows that were added before the call. Throws what a write threw. */
  async settled(): Promise<void> {
    await (this.#waiting.size > 0 ? this.#waiting.written.promise : this.#underWay)
    this.#check()
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  #pump(): void {
    if (this.#underWay !== null || this.#failure !== null || this.#waiting.size === 0) return
    const batch = this.#waiting
    this.#waiting = new Waiting()
    this.#underWay = this.#send(batch)
  }

  async #send(batch: Waiting): Promise<void> {
    try {
      await this.#write(batch.rows())
    } catch (error) {
      this.#failure ??= error
    }
    this.#underWay = null
    batch.written.resolve()
    if (this.#failure !== null) this.#waiting.written.resolve()
    this.#pump()
  }
}

/** Rows by their keys. */
class Waiting {
  readonly written = Promise.withResolvers<void>()
  readonly #windows = new Map<string, RowSink['windows'][number]>()
  readonly #candles = new Map<string, RowSink['candles'][number]>()
  readonly #latest = new Map<string, RowSink['latest'][number]>()
  readonly #gaps = new Map<string, RowSink['gaps'][number]>()
  readonly #late: RowSink['late'] = []
  readonly #rollups: RowSink['rollups'] = []

  get size(): number {
    const keyed = this.#windows.size + this.#candles.size + this.#latest.size + this.#gaps.size
    return keyed + this.#late.length + this.#rollups.length
  }

  add({ windows, candles, latest, gaps, late, rollups }: RowSink): void {
    for (const row of windows) keep(this.#windows, `${row.window_end_ts} ${row.symbol}`, row)
    for (const row of candles) keep(this.#candles, `${row.interval}${row.open_ts} ${row.symbol}`, row)
    for (const row of latest) keep(this.#latest, row.symbol, row)
    for (const row of gaps) keep(this.#gaps, `${row.from_ts}${row.cause} ${row.symbol}`, row)
    for (const row of late) this.#late.push(row)
    for (const row of rollups) this.#rollups.push(row)
  }

  rows(): RowSink {
    return {
      ...noRows(),
      windows: [...this.#windows.values()],
      candles: [...this.#candles.values()],
      latest: [...this.#latest.values()],
      gaps: [...this.#gaps.values()],
      late: this.#late,
      rollups: this.#rollups,
    }
  }
}

function keep<Row extends { stamp: number }>(rows: Map<string, Row>, key: string, row: Row): void {
  const before = rows.get(key)
  if (before === undefined || before.stamp <= row.stamp) rows.set(key, row)
}
