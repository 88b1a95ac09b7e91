import {
  CandlestickSeries,
  createChart,
  CrosshairMode,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  LineStyle,
} from 'lightweight-charts'

import type { CandleRow, WindowRow } from '../../trade.ts'
import { INTERVAL_MS, type Interval } from '../../trade.ts'
import { averageLine, type AveragePoint } from './average.ts'
import { Bars } from './bars.ts'
import { formatSize, type PriceFormat } from './format.ts'
import { Plot } from './plot.ts'

export interface ChartEvents {
  /** The candle under the cursor, or null. */
  onHover: (row: CandleRow | null) => void
  /** The reader came near the oldest bar. */
  onNearStart: () => void
}

const MOST_CANDLES = 20_000
const MOST_WINDOWS = 20_000
const MOST_SHOWN = 120
const LEAST_SHOWN = 40
const BAR_PX = 8
const RIGHT_OFFSET = 5
const NEAR_START_BARS = 20

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** Candles, volume and the running average of one symbol. Takes rows in any order; draws when told to. */
export class PriceChart {
  readonly #chart: IChartApi
  readonly #candles = new Bars<CandleRow>((row) => row.open_ts)
  readonly #windows = new Bars<WindowRow>((row) => row.window_end_ts)
  readonly #candleSeries: ISeriesApi<'Candlestick'>
  readonly #averageSeries: ISeriesApi<'Line'>
  readonly #candlePlot: Plot<CandleRow, 'Candlestick'>
  readonly #volumePlot: Plot<CandleRow, 'Histogram'>
  readonly #averagePlot: Plot<AveragePoint, 'Line'>
  readonly #container: HTMLElement
  #decimals = -1
  #isFresh = true
  #softUp = ''
  #softDown = ''

  constructor(container: HTMLElement, events: ChartEvents) {
    this.#container = container
    this.#chart = createChart(container, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      localization: { locale: 'en-US' },
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { rightOffset: RIGHT_OFFSET, minBarSpacing: 1 },
    })
    const volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: 'volume',
      priceFormat: { type: 'custom', formatter: formatSize, minMove: 1e-8 },
      lastValueVisible: false,
      priceLineVisible: false,
    })
    this.#averageSeries = this.#chart.addSeries(LineSeries, {
      lineWidth: 2,
      priceLineVisible: false,
      lastValueVisible: false,
      crosshairMarkerVisible: false,
    })
    this.#candleSeries = this.#chart.addSeries(CandlestickSeries, { borderVisible: false })
    this.#chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } })
    this.#chart.priceScale('right').applyOptions({ scaleMargins: { top: 0.12, bottom: 0.2 } })
    this.#candlePlot = candlePlot(this.#candleSeries)
    this.#volumePlot = volumePlot(volume, ({ open, close }) => (close >= open ? this.#softUp : this.#softDown))
    this.#averagePlot = averagePlot(this.#averageSeries)
    this.#listen(events)
    this.paint()
  }

  /** Takes the colours of the page's theme. */
  paint(): void {
    const [up, down, grid, dim] = [colour('--up'), colour('--down'), colour('--grid'), colour('--dim')]
    this.#softUp = colour('--up-soft')
    this.#softDown = colour('--down-soft')
    const line = { color: dim, style: LineStyle.Dashed, width: 1 as const, labelBackgroundColor: colour('--label') }
    this.#chart.applyOptions({
      layout: { background: { color: colour('--panel') }, textColor: dim },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      rightPriceScale: { borderColor: grid, entireTextOnly: true },
      timeScale: { borderColor: grid },
      crosshair: { vertLine: line, horzLine: line },
    })
    this.#candleSeries.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down })
    this.#averageSeries.applyOptions({ color: colour('--average') })
    this.#volumePlot.redraw()
  }

  /** Forgets the last symbol and takes bars of this length. */
  clear(interval: Interval): void {
    this.#candles.clear()
    this.#windows.clear()
    this.#isFresh = true
    const isDaily = INTERVAL_MS[interval] >= INTERVAL_MS['1d']
    this.#chart.timeScale().applyOptions({ timeVisible: !isDaily, secondsVisible: interval === '1s' })
  }

  putCandles(rows: readonly CandleRow[]): void {
    this.#candles.put(rows)
    this.#candles.trim(MOST_CANDLES)
  }

  putWindows(rows: readonly WindowRow[]): void {
    this.#windows.put(rows)
    this.#windows.trim(MOST_WINDOWS)
  }

  get candles(): readonly CandleRow[] {
    return this.#candles.rows
  }

  get windows(): readonly WindowRow[] {
    return this.#windows.rows
  }

  /** No more of the past fits. */
  get isFull(): boolean {
    return this.#candles.size >= MOST_CANDLES
  }

  draw(prices: PriceFormat, newestTrade: number): void {
    this.#format(prices)
    const candles = this.#candles.rows
    this.#candlePlot.draw(candles)
    this.#volumePlot.draw(candles)
    this.#averagePlot.draw(averageLine(this.#windows.rows, candles, newestTrade))
    if (this.#isFresh && candles.length > 0) this.#showNewest(candles.length)
  }

  /** Opening times of the first and the last bar on screen; null without bars. */
  shown(): { from: number; to: number } | null {
    const range = this.#chart.timeScale().getVisibleLogicalRange()
    const last = this.#candles.size - 1
    if (range === null || last < 0) return null
    const clamp = (index: number) => Math.min(last, Math.max(0, index))
    const from = this.#candles.rows[clamp(Math.ceil(range.from))]?.open_ts
    const to = this.#candles.rows[clamp(Math.floor(range.to))]?.open_ts
    return from === undefined || to === undefined ? null : { from, to }
  }

  #listen({ onHover, onNearStart }: ChartEvents): void {
    this.#chart.subscribeCrosshairMove(({ time }) =>
      onHover((typeof time === 'number' ? this.#candles.get(time * 1000) : undefined) ?? null),
    )
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range !== null && range.from < NEAR_START_BARS && !this.#isFresh && this.#candles.size > 0) onNearStart()
    })
  }

  #format(prices: PriceFormat): void {
    if (prices.decimals === this.#decimals) return
    this.#decimals = prices.decimals
    const formatter = (price: number) => prices.text(price)
    const priceFormat = { type: 'custom' as const, formatter, minMove: 10 ** -this.#decimals }
    this.#candleSeries.applyOptions({ priceFormat })
    this.#averageSeries.applyOptions({ priceFormat })
  }

  /** As many bars as suit the width; a few are not blown up to fill it. */
  #showNewest(count: number): void {
    this.#isFresh = false
    const most = Math.min(MOST_SHOWN, Math.floor(this.#container.clientWidth / BAR_PX))
    const shown = Math.min(most, Math.max(LEAST_SHOWN, count))
    this.#chart.timeScale().setVisibleLogicalRange({ from: count - shown, to: count - 1 + RIGHT_OFFSET })
  }
}

const isSameRow = (a: CandleRow, b: CandleRow): boolean => a === b
const openOf = (row: CandleRow): number => row.open_ts

const candlePlot = (series: ISeriesApi<'Candlestick'>) =>
  new Plot<CandleRow, 'Candlestick'>({
    series,
    timeOf: openOf,
    isSame: isSameRow,
    pointOf: ({ open, high, low, close }, time) => ({ time, open, high, low, close }),
  })

const volumePlot = (series: ISeriesApi<'Histogram'>, colourOf: (row: CandleRow) => string) =>
  new Plot<CandleRow, 'Histogram'>({
    series,
    timeOf: openOf,
    isSame: isSameRow,
    pointOf: (row, time) => ({ time, value: row.volume, color: colourOf(row) }),
  })

const averagePlot = (series: ISeriesApi<'Line'>) =>
  new Plot<AveragePoint, 'Line'>({
    series,
    timeOf: (point) => point.time,
    isSame: (a, b) => a.value === b.value,
    pointOf: ({ value }, time) => ({ time, value }),
  })
