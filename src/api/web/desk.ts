import {
  type CandleRow,
  INTERVAL_MS,
  type LatestRow,
  type TimeRange,
  type TradeRow,
  type WindowRow,
} from '../../trade.ts'
import { currentWindow } from './average.ts'
import { PriceChart } from './chart.ts'
import type { Client } from './client.ts'
import { at, say } from './element.ts'
import { type PriceFormat, PriceFormats } from './format.ts'
import { Frames } from './frames.ts'
import { GapList } from './gap-list.ts'
import { Gaps, gapsIn } from './gaps.ts'
import { readThumbnail } from './history.ts'
import { Legend } from './legend.ts'
import { Market } from './market.ts'
import { Quote } from './quote.ts'
import { LiveSocket, type Update } from './socket.ts'
import { readSymbols, type Status, StatusBar } from './status.ts'
import { Tape } from './tape.ts'
import type { View } from './view.ts'
import { Watchlist } from './watchlist.ts'

export interface DeskOptions {
  client: Client
  view: View
  /** The reader or the page chose something else to show. */
  onView: (view: View) => void
}

const MOST_THUMBNAILS = 30
const FOREVER = Number.POSITIVE_INFINITY

/** The page: takes what the server tells, and draws once a frame what has changed. */
export class Desk {
  readonly #client: Client
  readonly #onView: (view: View) => void
  readonly #frames = new Frames(() => this.#draw())
  readonly #chart = new PriceChart(at('chart'), {
    onHover: (openTs) => {
      this.#hovered = openTs
      this.#frames.ask()
    },
    onNearStart: () => void this.#drawWhenNew(this.#market.loadOlder()),
    onMove: () => this.#frames.ask(),
  })
  readonly #legend = new Legend(at('legend'))
  readonly #quote = new Quote()
  readonly #tape = new Tape(at('tape'))
  readonly #watchlist = new Watchlist(at('watchlist'), (symbol) => this.show({ ...this.#view, symbol }))
  readonly #statusBar = new StatusBar()
  readonly #gapList = new GapList()
  readonly #socket: LiveSocket
  readonly #market: Market
  readonly #gaps: Gaps
  readonly #latest = new Map<string, LatestRow>()
  readonly #prices = new PriceFormats()
  #view: View
  #hovered: number | null = null
  #status: Status | null = null
  #clockAhead = 0
  #isConnected = false

  constructor({ client, view, onView }: DeskOptions) {
    this.#client = client
    this.#market = new Market(client)
    this.#gaps = new Gaps(client)
    this.#view = view
    this.#onView = onView
    this.#socket = new LiveSocket({
      url: () => client.streamUrl(),
      onUpdate: (update) => this.#receive(update),
      onState: (isConnected) => this.#connected(isConnected),
    })
  }

  get view(): View {
    return this.#view
  }

  shown(): ReturnType<PriceChart['shown']> {
    return this.#chart.shown()
  }

  repaint(): void {
    this.#chart.paint()
  }

  /** Without a symbol: the first that has a price. */
  show({ symbol, interval }: View): void {
    const view = { interval, symbol: symbol ?? this.#latest.keys().next().value ?? this.#watchlist.symbols[0] ?? null }
    if (view.symbol !== this.#view.symbol) this.#tape.clear()
    this.#view = view
    this.#hovered = null
    this.#market.show(view)
    this.#gaps.show(view.symbol)
    this.#chart.begin(interval)
    if (view.symbol !== null) this.#watchlist.select(view.symbol)
    this.#onView(view)
    this.#frames.ask()
    if (this.#status === null) return
    this.#socket.follow(this.#channels())
    void this.#load()
  }

  /** Also the start: nothing is asked for before the server has said what it follows. */
  async refreshStatus(): Promise<void> {
    const status = await this.#client.get<Status>('/statusz')
    if (status === null) return
    const before = this.#status
    // Prices of another origin must not mix with those that are here; another version may speak otherwise.
    if (before !== null && isAnother(before, status)) location.reload()
    this.#status = status
    this.#clockAhead = status.now - Date.now()
    this.#statusBar.show(status)
    if (before === null) await this.#start(status)
    else await this.#load()
    this.#frames.ask()
  }

  async #start(status: Status): Promise<void> {
    for (const symbol of await readSymbols(this.#client, status)) this.#watchlist.add(symbol)
    this.show(this.#view)
    await this.refreshThumbnails()
  }

  /** One after the other: nobody waits for them. */
  async refreshThumbnails(): Promise<void> {
    for (const symbol of this.#watchlist.symbols.slice(0, MOST_THUMBNAILS))
      this.#watchlist.putHistory(symbol, await readThumbnail(this.#client, symbol))
  }

  #channels(): string[] {
    const { symbol, interval } = this.#view
    if (symbol === null || !this.#watchlist.has(symbol)) return ['latest:*']
    return ['latest:*', `trades:${symbol}`, `candles:${interval}:${symbol}`, `windows:${symbol}`]
  }

  #connected(isConnected: boolean): void {
    this.#isConnected = isConnected
    if (isConnected) void this.#load()
    else this.#market.lose()
    this.#frames.ask()
  }

  /** Not before the live push is there: what comes between the two would be missing. */
  async #load(): Promise<void> {
    const { symbol } = this.#view
    if (this.#isConnected && symbol !== null && this.#watchlist.has(symbol))
      await this.#drawWhenNew(this.#market.load())
  }

  async #drawWhenNew(loading: Promise<boolean>): Promise<void> {
    const isNew = await loading
    this.#frames.ask()
    if (isNew) await this.refreshGaps()
  }

  /** Of as much of the past as there are candles of. */
  async refreshGaps(): Promise<void> {
    const oldest = this.#market.candles.rows[0]?.open_ts
    if (!this.#isConnected || oldest === undefined) return
    this.#gapList.announce(await this.#gaps.load(oldest))
    this.#frames.ask()
  }

  #receive({ channel, isSnapshot, rows }: Update): void {
    const kind = channel.slice(0, channel.indexOf(':'))
    if (kind === 'latest') this.#putLatest(rows as readonly LatestRow[])
    else if (kind === 'candles') this.#market.candles.put(rows as readonly CandleRow[])
    else if (kind === 'windows') this.#market.windows.put(rows as readonly WindowRow[])
    else {
      if (isSnapshot) this.#tape.clear()
      this.#tape.add(rows as readonly TradeRow[])
    }
    this.#frames.ask()
  }

  #putLatest(rows: readonly LatestRow[]): void {
    for (const row of rows) {
      const { symbol, price } = row
      const isNew = !this.#watchlist.has(symbol)
      this.#latest.set(symbol, row)
      this.#prices.of(symbol).learn(price)
      if (isNew) this.#watchlist.add(symbol)
      if (this.#view.symbol === null || (isNew && this.#view.symbol === symbol)) this.show({ ...this.#view, symbol })
    }
  }

  #draw(): void {
    for (const row of this.#latest.values()) this.#watchlist.show(row, this.#prices.of(row.symbol))
    const symbol = this.#view.symbol ?? ''
    const latest = this.#latest.get(symbol)
    const prices = this.#prices.of(symbol)
    const newestTrade = latest?.trade_ts ?? Number.POSITIVE_INFINITY
    const [candles, windows, gaps] = [this.#market.candles.rows, this.#market.windows.rows, this.#gaps.rows]
    const window = currentWindow(windows, newestTrade)
    this.#tape.draw(prices)
    this.#chart.draw({ candles, windows, gaps, newestTrade, prices })
    const isPartial = window !== undefined && gapsIn(gaps, rangeOf(window)).length > 0
    this.#quote.show({ symbol, latest, prices, window, isPartial })
    this.#gapList.show(gaps, this.#chart.inView())
    this.#drawLegend(prices)
    this.#drawBadge(latest)
    this.#drawEmpty(symbol)
  }

  #drawLegend(prices: PriceFormat): void {
    const { candles } = this.#market
    const hovered = this.#hovered === null ? undefined : candles.get(this.#hovered)
    const row = hovered ?? candles.rows.at(-1)
    const next = candles.rows[candles.rows.findLastIndex((candle) => candle === row) + 1]?.open_ts
    const gaps = row === undefined ? [] : gapsIn(this.#gaps.rows, { from: row.open_ts, to: next ?? FOREVER })
    const context = { prices, barMs: INTERVAL_MS[this.#view.interval], isHovered: hovered !== undefined, gaps }
    this.#legend.show(row, context)
  }

  #drawBadge(latest: LatestRow | undefined): void {
    this.#statusBar.showBadge({
      now: Date.now() + this.#clockAhead,
      isConnected: this.#isConnected,
      origin: this.#status?.origin ?? null,
      symbol: this.#view.symbol ?? '',
      startedAt: this.#status?.started_at ?? null,
      lastTradeAt: latest === undefined ? null : (latest.received_ts ?? latest.trade_ts),
    })
  }

  #drawEmpty(symbol: string): void {
    const isUnknown = symbol !== '' && this.#status !== null && !this.#watchlist.has(symbol)
    at('empty').hidden = !isUnknown && !this.#market.isEmpty
    if (isUnknown) say(at('empty'), `${symbol} is not followed here, and there is no data of it.`)
    else if (this.#market.isEmpty) say(at('empty'), `No trade of ${symbol} yet.`)
  }
}

const rangeOf = ({ window_start_ts, window_end_ts }: WindowRow): TimeRange => ({
  from: window_start_ts,
  to: window_end_ts,
})

const isAnother = (before: Status, now: Status): boolean =>
  (before.origin !== null && before.origin !== now.origin) || before.version !== now.version
