import type { LatestRow, WindowRow } from '../../trade.ts'
import { at, make, say } from './element.ts'
import { formatChange, formatSize, type PriceFormat, signOf } from './format.ts'

const FIGURES = ['15 s average', '15 s volume', 'Day open'] as const
const FLASH_MS = 500
const isStill = matchMedia('(prefers-reduced-motion: reduce)')
type Figure = (typeof FIGURES)[number]

export interface QuoteFacts {
  symbol: string
  latest: LatestRow | undefined
  /** The hopping window that counts as now. */
  window: WindowRow | undefined
  /** There is a gap in that window. */
  isPartial: boolean
  prices: PriceFormat
}

/** The symbol on show: its newest price, what it did today, the running average; the price also in the tab's title. */
export class Quote {
  readonly #values = new Map<Figure, HTMLElement>()
  readonly #average: HTMLElement
  #symbol = ''
  #price: number | null = null

  constructor() {
    for (const figure of FIGURES) {
      const value = make('dd', { text: '–' })
      const group = make('div')
      group.append(make('dt', { text: figure }), value)
      at('figures').append(group)
      this.#values.set(figure, value)
    }
    this.#average = at('figures').querySelector('dt') ?? make('dt')
    this.#average.className = 'average'
  }

  show({ symbol, latest, window, isPartial, prices }: QuoteFacts): void {
    const price = latest === undefined ? '–' : prices.text(latest.price)
    say(at('symbol'), symbol)
    this.#showPrice(symbol, latest?.price ?? null, price)
    this.#showChange(latest, prices)
    say(this.#average, isPartial ? '15 s average, partial' : '15 s average')
    this.#say('15 s average', window && prices.text(window.vwap))
    this.#say('15 s volume', window && formatSize(window.volume))
    this.#say('Day open', latest?.day_open == null ? undefined : prices.text(latest.day_open))
    const title = latest === undefined ? 'stockpipe' : `${price} ${symbol} · stockpipe`
    if (document.title !== title) document.title = title
  }

  /** A price that moved lights up for a moment in the colour of its direction. */
  #showPrice(symbol: string, price: number | null, text: string): void {
    const element = at('price')
    say(element, text)
    const before = symbol === this.#symbol ? this.#price : null
    this.#symbol = symbol
    this.#price = price
    if (price === null || before === null || price === before || isStill.matches) return
    const color = getComputedStyle(element).getPropertyValue(price > before ? '--up' : '--down')
    element.animate([{ color }, {}], FLASH_MS)
  }

  #showChange(latest: LatestRow | undefined, prices: PriceFormat): void {
    const { change = null, change_percent: percent = null } = latest ?? {}
    const element = at('change')
    const isKnown = change !== null && percent !== null
    say(element, isKnown ? `${change < 0 ? '−' : '+'}${prices.text(Math.abs(change))} (${formatChange(percent)})` : '')
    element.className = signOf(percent ?? 0)
  }

  #say(figure: Figure, text: string | undefined): void {
    const element = this.#values.get(figure)
    if (element) say(element, text ?? '–')
  }
}
