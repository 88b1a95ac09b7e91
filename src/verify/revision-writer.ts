import type { Clock } from '../clock.ts'
import type { ReprocessRun, RevisableStore, Revised } from '../stream/store/revisions.ts'
import { bucketOf, type CandleRow, dayOf, type TradeRow, type WindowRow } from '../trade.ts'
import type { Values } from './sums.ts'
import type { Expected } from './windows.ts'

/** So many rows are written together. */
const WRITE_ROWS = 500

export interface WriterOptions {
  store: Pick<RevisableStore, 'read' | 'revise' | 'recordRun'>
  /** Nothing is written. */
  isDryRun: boolean
  clock: Clock
}

/** Gathers rows and writes many at once. The run is recorded before the first of them. */
export class RevisionWriter {
  readonly counts = { id: null as string | null, records: 0, windows: 0, candles: 0, repeats: 0, unknown: 0 }
  readonly #options: WriterOptions
  readonly #run: ReprocessRun
  #rows: { windows: WindowRow[]; candles: CandleRow[] } = { windows: [], candles: [] }
  #repeats: TradeRow[] = []

  constructor(options: WriterOptions, run: ReprocessRun) {
    this.#options = options
    this.#run = run
  }

  get id(): string | null {
    return this.counts.id
  }

  get rows(): number {
    const { windows, candles, repeats } = this.counts
    return windows + candles + repeats
  }

  async revise(expected: Expected): Promise<void> {
    if (expected.kind === 'window') this.#rows.windows.push(windowRow(expected))
    else this.#rows.candles.push(candleRow(expected, expected.kind))
    if (this.#rows.windows.length + this.#rows.candles.length >= WRITE_ROWS) await this.flush()
  }

  async repeat(row: TradeRow): Promise<void> {
    this.#repeats.push(row)
    if (this.#repeats.length >= WRITE_ROWS) await this.flush()
  }

  async flush(): Promise<void> {
    const rows = { ...this.#rows, repeats: await this.#missing(this.#repeats) }
    this.#rows = { windows: [], candles: [] }
    this.#repeats = []
    for (const part of ['windows', 'candles', 'repeats'] as const) this.counts[part] += rows[part].length
    if (rows.windows.length + rows.candles.length + rows.repeats.length > 0) await this.#write(rows)
  }

  async finish(): Promise<void> {
    if (this.counts.id !== null) await this.#options.store.recordRun({ ...this.#run, rows: this.rows })
  }

  async #write(rows: Revised): Promise<void> {
    const { isDryRun, store, clock } = this.#options
    if (isDryRun) return
    if (this.counts.id === null) {
      await store.recordRun(this.#run)
      this.counts.id = this.#run.id
    }
    await store.revise(rows, clock.now())
  }

  /** Those that are not stored yet. */
  async #missing(repeats: readonly TradeRow[]): Promise<TradeRow[]> {
    const missing: TradeRow[] = []
    for (const [symbol, rows] of Map.groupBy(repeats, (row) => row.symbol)) {
      const times = rows.map(({ trade_ts }) => trade_ts)
      const range = { from: Math.min(...times), to: Math.max(...times) + 1 }
      const stored = new Set<string>()
      for await (const page of this.#options.store.read('trades', { symbols: [symbol], ...range }))
        for (const row of page) if (row.flags === 'repeat') stored.add(placeOf(row))
      missing.push(...rows.filter((row) => !stored.has(placeOf(row))))
    }
    return missing
  }
}

const placeOf = ({ log_partition, log_offset, log_index }: TradeRow): string =>
  `${log_partition}:${log_offset}:${log_index}`

const closing = { final: true, closed_by: 'watermark', revision: 0 } as const

const ohlcv = ({ open, high, low, close, volume, vwap, n }: Values) => ({ open, high, low, close, volume, vwap, n })

const windowRow = ({ symbol, start, end, values }: Expected): WindowRow => ({
  symbol,
  day: dayOf(end),
  window_end_ts: end,
  window_start_ts: start,
  mean_price: values.mean_price,
  mean_notional: values.mean_notional,
  ...ohlcv(values),
  ...closing,
})

const candleRow = ({ symbol, start, values }: Expected, interval: CandleRow['interval']): CandleRow => ({
  symbol,
  interval,
  bucket: bucketOf(interval, start),
  open_ts: start,
  ...ohlcv(values),
  ...closing,
})
