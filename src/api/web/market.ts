import type { CandleRow, WindowRow } from '../../trade.ts'
import { Bars } from './bars.ts'
import type { Client } from './client.ts'
import { readHistory, type History } from './history.ts'
import type { View } from './view.ts'

/** Of the past; what comes live is kept on top of it, up to the most that `Bars` hold. */
const MOST_LOADED = 10_000

/**
 * The candles and windows of what is on show: the live push puts them in, the API gives those of before.
 * An answer that comes after a switch, or after the connection was lost, is for nobody.
 */
export class Market {
  readonly candles = new Bars<CandleRow>((row) => row.open_ts)
  readonly windows = new Bars<WindowRow>((row) => row.window_end_ts)
  readonly #client: Pick<Client, 'get'>
  #view: View | null = null
  #past: 'missing' | 'more' | 'whole' = 'missing'
  #reading: symbol | null = null
  /** The newest bar when the connection was lost. */
  #lostAt = 0

  constructor(client: Pick<Client, 'get'>) {
    this.#client = client
  }

  /** The store was asked, and knows no candle. */
  get isEmpty(): boolean {
    return this.#past !== 'missing' && this.candles.size === 0
  }

  show(view: View): void {
    this.#view = view
    this.candles.clear()
    this.windows.clear()
    this.lose()
  }

  /** The connection is lost: what comes meanwhile will have to be loaded. */
  lose(): void {
    this.#past = 'missing'
    this.#reading = null
    this.#lostAt = this.candles.rows.at(-1)?.open_ts ?? 0
  }

  /** Reads the newest part of the past unless it is there: to be called until it is. True when something came. */
  async load(): Promise<boolean> {
    if (this.#past !== 'missing') return false
    const history = await this.#read()
    if (history === null) return false
    this.#past = 'more'
    const oldest = history.candles.at(-1)?.open_ts ?? 0
    // Of the bars between nothing is known; those from before can be loaded again.
    if (history.isCut && oldest > this.#lostAt) this.candles.forgetBefore(oldest)
    return this.#put(history)
  }

  /** Reads what lies before the oldest bar. True when something came. */
  async loadOlder(): Promise<boolean> {
    const oldest = this.candles.rows[0]?.open_ts
    if (this.#past !== 'more' || oldest === undefined || this.candles.size >= MOST_LOADED) return false
    const history = await this.#read(oldest)
    if (history === null) return false
    if (history.candles.length === 0) this.#past = 'whole'
    return this.#put(history)
  }

  async #read(to?: number): Promise<History | null> {
    if (this.#reading !== null || this.#view === null) return null
    const reading = Symbol('reading')
    this.#reading = reading
    const history = await readHistory(this.#client, this.#view, to)
    if (this.#reading !== reading) return null
    this.#reading = null
    return history
  }

  #put({ candles, windows }: History): boolean {
    this.candles.put(candles)
    this.windows.put(windows)
    return candles.length > 0
  }
}
