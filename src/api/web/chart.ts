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

import type { CandleRow, GapRow, TimeRange, WindowRow } from '../../trade.ts'
import { INTERVAL_MS, type Interval } from '../../trade.ts'
import { averageLine, type AveragePoint } from './average.ts'
import { formatSize, type PriceFormat } from './format.ts'
import { GapBands } from './gap-bands.ts'
import { bandsOf } from './gaps.ts'
import { Plot } from './plot.ts'

export interface ChartRows {
  /** Oldest first, as the windows. */
  candles: readonly CandleRow[]
  windows: readonly WindowRow[]
  gaps: readonly GapRow[]
  /** Unix ms, of the symbol on show. */
  newestTrade: number
  prices: PriceFormat
}

export interface ChartEvents {
  /** `open_ts` of the candle under the cursor, or null. */
  onHover: (openTs: number | null) => void
  /** The reader came near the oldest bar. */
  onNearStart: () => void
  /** Other bars came on screen. */
  onMove: () => void
}

const MOST_SHOWN = 120
const LEAST_SHOWN = 30
const BAR_PX = 8
const RIGHT_OFFSET = 5
const NEAR_START_BARS = 20

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** Candles, volume and the running average of one symbol. */
export class PriceChart {
  readonly #chart: IChartApi
  readonly #candleSeries: ISeriesApi<'Candlestick'>
  readonly #averageSeries: ISeriesApi<'Line'>
  readonly #candlePlot: Plot<CandleRow, 'Candlestick'>
  readonly #volumePlot: Plot<CandleRow, 'Histogram'>
  readonly #averagePlot: Plot<AveragePoint, 'Line'>
  readonly #container: HTMLElement
  readonly #bands = new GapBands()
  #candles: readonly CandleRow[] = []
  #gaps: readonly GapRow[] = []
  #barMs = 0
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
    this.#candleSeries.attachPrimitive(this.#bands)
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
    this.#bands.paint({ fill: colour('--gap'), edge: colour('--warn') })
    this.#volumePlot.redraw()
  }

  /** What is drawn next is something else, in bars of this length: its newest part is shown. */
  begin(interval: Interval): void {
    this.#isFresh = true
    this.#barMs = INTERVAL_MS[interval]
    const isDaily = this.#barMs >= INTERVAL_MS['1d']
    this.#chart.timeScale().applyOptions({ timeVisible: !isDaily, secondsVisible: interval === '1s' })
  }

  draw({ candles, windows, gaps, newestTrade, prices }: ChartRows): void {
    this.#format(prices)
    if (candles !== this.#candles || gaps !== this.#gaps) this.#bands.show(bandsOf(gaps, candles, this.#barMs))
    this.#candles = candles
    this.#gaps = gaps
    this.#candlePlot.draw(candles)
    this.#volumePlot.draw(candles)
    this.#averagePlot.draw(averageLine(windows, candles, newestTrade))
    if (this.#isFresh && candles.length > 0) this.#showNewest(candles.length)
  }

  /** Opening times of the first and the last bar on screen; null without bars. */
  shown(): TimeRange | null {
    const range = this.#chart.timeScale().getVisibleLogicalRange()
    const last = this.#candles.length - 1
    if (range === null || last < 0) return null
    const clamp = (index: number) => Math.min(last, Math.max(0, index))
    const from = this.#candles[clamp(Math.ceil(range.from))]?.open_ts
    const to = this.#candles[clamp(Math.floor(range.to))]?.open_ts
    return from === undefined || to === undefined ? null : { from, to }
  }

  /** What the bars on screen and the places between them span; behind the newest bar there is no end. */
  inView(): TimeRange | null {
    const shown = this.shown()
    const newest = this.#candles.at(-1)?.open_ts
    return shown && { from: shown.from, to: shown.to === newest ? Number.POSITIVE_INFINITY : shown.to + this.#barMs }
  }

  #listen({ onHover, onNearStart, onMove }: ChartEvents): void {
    this.#chart.subscribeCrosshairMove(({ time }) => onHover(typeof time === 'number' ? time * 1000 : null))
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range !== null && range.from < NEAR_START_BARS && !this.#isFresh) onNearStart()
      onMove()
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
