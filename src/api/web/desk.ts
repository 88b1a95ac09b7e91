import {
  type CandleRow,
  type Interval,
  INTERVAL_MS,
  type LatestRow,
  type TradeRow,
  type WindowRow,
} from '../../trade.ts'
import { currentWindow } from './average.ts'
import { badgeOf } from './badge.ts'
import { PriceChart } from './chart.ts'
import type { Client } from './client.ts'
import { at, say } from './element.ts'
import { PriceFormat } from './format.ts'
import { readHistory, readThumbnail } from './history.ts'
import { Legend } from './legend.ts'
import { Quote } from './quote.ts'
import { LiveSocket, type Update } from './socket.ts'
import { type Status, StatusBar } from './status.ts'
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

/** The page: takes what the server tells, and draws once a frame what has changed. */
export class Desk {
  readonly #client: Client
  readonly #onView: (view: View) => void
  readonly #chart = new PriceChart(at('chart'), {
    onHover: (row) => {
      this.#hovered = row
      this.#drawSoon()
    },
    onNearStart: () => void this.#loadOlder(),
  })
  readonly #legend = new Legend(at('legend'))
  readonly #quote = new Quote()
  readonly #tape = new Tape(at('tape'))
  readonly #watchlist = new Watchlist(at('watchlist'), (symbol) => this.show({ ...this.#view, symbol }))
  readonly #statusBar = new StatusBar()
  readonly #socket: LiveSocket
  readonly #latest = new Map<string, LatestRow>()
  readonly #prices = new Map<string, PriceFormat>()
  #view: View
  /** Counts what was shown: an answer that comes after a switch is for nobody. */
  #turn = 0
  #past: 'none' | 'loading' | 'more' | 'all' = 'none'
  #hovered: CandleRow | null = null
  #status: Status | null = null
  #clockAhead = 0
  #isConnected = false
  #isDrawDue = false

  constructor({ client, view, onView }: DeskOptions) {
    this.#client = client
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

  show(view: View): void {
    if (view.symbol !== this.#view.symbol) this.#tape.clear()
    this.#view = view
    this.#turn++
    this.#past = 'none'
    this.#hovered = null
    this.#chart.clear(view.interval)
    if (view.symbol !== null) this.#watchlist.select(view.symbol)
    this.#onView(view)
    this.#drawSoon()
    if (this.#status === null) return
    this.#socket.follow(this.#channels())
    if (this.#isConnected) void this.#loadHistory()
  }

  /** Also the start: nothing is asked for before the server has said what it follows. */
  async refreshStatus(): Promise<void> {
    const isFirst = this.#status === null
    const status = await this.#client.get<Status>('/statusz')
    if (status === null) return
    this.#status = status
    this.#clockAhead = status.now - Date.now()
    this.#statusBar.show(status)
    if (isFirst) await this.#start(status)
    this.#drawSoon()
  }

  async #start({ symbols }: Status): Promise<void> {
    const known = await this.#client.get<{ data: readonly { symbol: string }[] }>('/v1/symbols')
    for (const symbol of symbols) this.#watchlist.add(symbol)
    for (const { symbol } of known?.data ?? []) this.#watchlist.add(symbol)
    this.show({ ...this.#view, symbol: this.#view.symbol ?? this.#watchlist.symbols[0] ?? null })
    await this.refreshThumbnails()
  }

  /** One after the other: nobody waits for them. */
  async refreshThumbnails(): Promise<void> {
    for (const symbol of this.#watchlist.symbols.slice(0, MOST_THUMBNAILS))
      this.#watchlist.putHistory(symbol, await readThumbnail(this.#client, symbol))
  }

  #channels(): string[] {
    const { symbol, interval } = this.#view
    if (symbol === null || !this.#isKnown(symbol)) return ['latest:*']
    return ['latest:*', `trades:${symbol}`, `candles:${interval}:${symbol}`, `windows:${symbol}`]
  }

  #isKnown(symbol: string): boolean {
    return this.#watchlist.symbols.includes(symbol)
  }

  #connected(isConnected: boolean): void {
    this.#isConnected = isConnected
    if (isConnected) void this.#loadHistory()
    this.#drawSoon()
  }

  #receive({ channel, isSnapshot, rows }: Update): void {
    const kind = channel.slice(0, channel.indexOf(':'))
    if (kind === 'latest') this.#putLatest(rows as readonly LatestRow[])
    else if (kind === 'candles') this.#chart.putCandles(rows as readonly CandleRow[])
    else if (kind === 'windows') this.#chart.putWindows(rows as readonly WindowRow[])
    else {
      if (isSnapshot) this.#tape.clear()
      this.#tape.add(rows as readonly TradeRow[])
    }
    this.#drawSoon()
  }

  #putLatest(rows: readonly LatestRow[]): void {
    for (const row of rows) {
      this.#latest.set(row.symbol, row)
      this.#pricesOf(row.symbol).learn(row.price)
    }
  }

  #pricesOf(symbol: string): PriceFormat {
    const known = this.#prices.get(symbol)
    if (known !== undefined) return known
    const made = new PriceFormat()
    this.#prices.set(symbol, made)
    return made
  }

  async #loadHistory(): Promise<void> {
    const { symbol } = this.#view
    if (symbol === null || !this.#isKnown(symbol)) return
    const turn = this.#turn
    const history = await readHistory(this.#client, this.#view)
    if (history === null || turn !== this.#turn) return
    this.#chart.putCandles(history.candles)
    this.#chart.putWindows(history.windows)
    for (const { close } of history.candles.slice(0, 50)) this.#pricesOf(symbol).learn(close)
    this.#past = 'more'
    this.#drawSoon()
  }

  async #loadOlder(): Promise<void> {
    const oldest = this.#chart.candles[0]?.open_ts
    if (this.#past !== 'more' || oldest === undefined || this.#chart.isFull) return
    this.#past = 'loading'
    const turn = this.#turn
    const history = await readHistory(this.#client, this.#view, oldest)
    if (turn !== this.#turn) return
    this.#past = history?.candles.length === 0 ? 'all' : 'more'
    this.#chart.putCandles(history?.candles ?? [])
    this.#chart.putWindows(history?.windows ?? [])
    this.#drawSoon()
  }

  #drawSoon(): void {
    if (this.#isDrawDue) return
    this.#isDrawDue = true
    requestAnimationFrame(() => {
      this.#isDrawDue = false
      this.#draw()
    })
  }

  #draw(): void {
    for (const row of this.#latest.values()) this.#watchlist.show(row, this.#pricesOf(row.symbol))
    const symbol = this.#view.symbol ?? ''
    const latest = this.#latest.get(symbol)
    const prices = this.#pricesOf(symbol)
    const newestTrade = latest?.trade_ts ?? Number.POSITIVE_INFINITY
    this.#tape.draw(prices)
    this.#chart.draw(prices, newestTrade)
    this.#quote.show({ symbol, latest, prices, window: currentWindow(this.#chart.windows, newestTrade) })
    this.#drawLegend(prices, this.#view.interval)
    this.#drawBadge(latest)
    this.#drawEmpty(symbol)
  }

  #drawLegend(prices: PriceFormat, interval: Interval): void {
    const hovered = this.#hovered && this.#chart.candles.find(({ open_ts }) => open_ts === this.#hovered?.open_ts)
    const context = { prices, barMs: INTERVAL_MS[interval], isHovered: hovered != null }
    this.#legend.show(hovered ?? this.#chart.candles.at(-1), context)
  }

  #drawBadge(latest: LatestRow | undefined): void {
    const { kind, text, meaning } = badgeOf({
      now: Date.now() + this.#clockAhead,
      isConnected: this.#isConnected,
      origin: this.#status?.origin ?? null,
      symbol: this.#view.symbol ?? '',
      startedAt: this.#status?.started_at ?? null,
      lastTradeAt: latest === undefined ? null : (latest.received_ts ?? latest.trade_ts),
    })
    const badge = at('badge')
    badge.dataset['kind'] = kind
    badge.title = meaning
    say(badge, text)
  }

  #drawEmpty(symbol: string): void {
    const isUnknown = symbol !== '' && this.#status !== null && !this.#isKnown(symbol)
    const isEmpty = this.#past !== 'none' && this.#chart.candles.length === 0
    at('empty').hidden = !isUnknown && !isEmpty
    if (isUnknown) say(at('empty'), `${symbol} is not followed here, and there is no data of it.`)
    else if (isEmpty) say(at('empty'), `No trade of ${symbol} yet.`)
  }
}
