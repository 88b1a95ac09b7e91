import {
  CandlestickSeries,
  createChart,
  CrosshairMode,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  type MouseEventParams,
  type UTCTimestamp,
} from 'lightweight-charts'

import { type CandleRow, type Interval, INTERVAL_MS, type WindowRow } from '../../trade.ts'
import { decimalsFor, formatPrice, formatSize } from './format.ts'

const MOST_BARS = 5_000
const SHOWN_BARS = 120

const second = (ts: number): UTCTimestamp => Math.floor(ts / 1000) as UTCTimestamp
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** Candles, volume and the running average of one symbol. Holds the rows by time, so that late changes find their bar. */
export class PriceChart {
  readonly #chart: IChartApi
  readonly #candleSeries: ISeriesApi<'Candlestick'>
  readonly #volumeSeries: ISeriesApi<'Histogram'>
  readonly #averageSeries: ISeriesApi<'Line'>
  readonly #legend: HTMLElement
  readonly #candles = new Map<number, CandleRow>()
  /** By bar: the last window that ends in it. */
  readonly #averages = new Map<number, WindowRow>()
  #barMs = INTERVAL_MS['1m']
  #hovered: number | null = null

  constructor(container: HTMLElement, legend: HTMLElement) {
    this.#legend = legend
    this.#chart = createChart(container, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: 'system-ui, sans-serif' },
    })
    this.#candleSeries = this.#chart.addSeries(CandlestickSeries, { borderVisible: false })
    this.#averageSeries = this.#chart.addSeries(LineSeries, {
      lineWidth: 2,
      priceLineVisible: false,
      lastValueVisible: false,
      crosshairMarkerVisible: false,
    })
    this.#volumeSeries = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: 'volume',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    })
    this.#chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } })
    this.#chart.priceScale('right').applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } })
    this.#chart.subscribeCrosshairMove((move) => this.#hover(move))
    this.paint()
  }

  /** Takes the colours of the page's theme. */
  paint(): void {
    const [up, down, line] = [colour('--up'), colour('--down'), colour('--line')]
    this.#chart.applyOptions({
      layout: { background: { color: colour('--panel') }, textColor: colour('--dim') },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line, timeVisible: true, secondsVisible: true, rightOffset: 4 },
      crosshair: { mode: CrosshairMode.Normal },
    })
    this.#candleSeries.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down })
    this.#averageSeries.applyOptions({ color: colour('--accent') })
    this.#draw()
  }

  /** Forgets the last symbol and takes bars of this length. */
  clear(interval: Interval): void {
    this.#barMs = INTERVAL_MS[interval]
    this.#candles.clear()
    this.#averages.clear()
    this.#draw()
  }

  /** `isWhole`: these are all the bars there are, and the view goes to the newest. */
  setCandles(rows: readonly CandleRow[], { isWhole }: { isWhole: boolean }): void {
    const newest = lastKey(this.#candles)
    for (const row of rows) this.#candles.set(row.open_ts, row)
    trim(this.#candles)
    const isAppend = !isWhole && rows.every((row) => row.open_ts >= newest)
    if (!isAppend) this.#draw()
    else for (const row of rows.toSorted((a, b) => a.open_ts - b.open_ts)) this.#update(row)
    if (isWhole) this.#showNewest()
    if (this.#hovered === null) this.#say(this.#candles.get(lastKey(this.#candles)))
  }

  setWindows(rows: readonly WindowRow[]): void {
    const newest = lastKey(this.#averages)
    for (const row of rows) this.#average(row)
    trim(this.#averages)
    const bars = new Set(rows.map((row) => this.#barOf(row)))
    if (bars.size > 50 || [...bars].some((bar) => bar < newest)) this.#drawAverage()
    else
      for (const bar of bars)
        this.#averageSeries.update({ time: second(bar), value: this.#averages.get(bar)?.vwap ?? 0 })
  }

  /** The bar that a window ends in: points between bars would stretch the axis. */
  #barOf({ window_end_ts: end }: WindowRow): number {
    return end - 1 - ((end - 1) % this.#barMs)
  }

  #average(row: WindowRow): void {
    const bar = this.#barOf(row)
    const known = this.#averages.get(bar)
    if (known === undefined || row.window_end_ts >= known.window_end_ts) this.#averages.set(bar, row)
  }

  #update(row: CandleRow): void {
    const time = second(row.open_ts)
    this.#candleSeries.update({ time, open: row.open, high: row.high, low: row.low, close: row.close })
    this.#volumeSeries.update({ time, value: row.volume, color: this.#volumeColour(row) })
  }

  #draw(): void {
    const rows = [...this.#candles.values()].sort((a, b) => a.open_ts - b.open_ts)
    const precision = decimalsFor(rows.at(-1)?.close ?? 100)
    const priceFormat = { type: 'price' as const, precision, minMove: 10 ** -precision }
    this.#candleSeries.applyOptions({ priceFormat })
    this.#averageSeries.applyOptions({ priceFormat })
    this.#candleSeries.setData(
      rows.map((row) => ({
        time: second(row.open_ts),
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
      })),
    )
    this.#volumeSeries.setData(
      rows.map((row) => ({ time: second(row.open_ts), value: row.volume, color: this.#volumeColour(row) })),
    )
    this.#drawAverage()
  }

  /** Windows that end in the future wait for their bar. */
  #drawAverage(): void {
    const newest = lastKey(this.#candles)
    const bars = [...this.#averages].filter(([bar]) => bar <= newest).sort(([a], [b]) => a - b)
    this.#averageSeries.setData(bars.map(([bar, { vwap }]) => ({ time: second(bar), value: vwap })))
  }

  #volumeColour({ open, close }: CandleRow): string {
    return `${colour(close >= open ? '--up' : '--down')}55`
  }

  #showNewest(): void {
    const newest = lastKey(this.#candles)
    const averaged = [...this.#averages.keys()].filter((bar) => bar <= newest)
    const bars = new Set([...this.#candles.keys(), ...averaged]).size
    this.#chart.timeScale().setVisibleLogicalRange({ from: Math.max(0, bars - SHOWN_BARS), to: bars + 4 })
  }

  #hover({ time }: MouseEventParams): void {
    this.#hovered = typeof time === 'number' ? time * 1000 : null
    this.#say(this.#candles.get(this.#hovered ?? lastKey(this.#candles)))
  }

  #say(row: CandleRow | undefined): void {
    this.#legend.textContent =
      row === undefined
        ? ''
        : `O ${formatPrice(row.open)}  H ${formatPrice(row.high)}  L ${formatPrice(row.low)}  C ${formatPrice(row.close)}  V ${formatSize(row.volume)}  VWAP ${formatPrice(row.vwap)}  ${row.n} trades${row.final ? '' : '  (open)'}`
  }
}

const lastKey = (rows: ReadonlyMap<number, unknown>): number => {
  let last = Number.NEGATIVE_INFINITY
  for (const key of rows.keys()) if (key > last) last = key
  return last
}

function trim(rows: Map<number, unknown>): void {
  if (rows.size <= MOST_BARS) return
  const oldest = [...rows.keys()].sort((a, b) => a - b).slice(0, rows.size - MOST_BARS)
  for (const key of oldest) rows.delete(key)
}
