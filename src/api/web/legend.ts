import type { CandleRow, GapRow } from '../../trade.ts'
import { make, say } from './element.ts'
import { describeGap } from './gap-list.ts'
import { formatBarTime, formatSize, type PriceFormat, signOf } from './format.ts'

const PRICES = ['O', 'H', 'L', 'C'] as const
const TITLES = {
  O: 'open',
  H: 'high',
  L: 'low',
  C: 'close',
  V: 'volume',
  VWAP: 'volume-weighted average price',
} as const
type Field = keyof typeof TITLES

export interface LegendContext {
  prices: PriceFormat
  barMs: number
  /** The cursor is on this candle: its time is said too. */
  isHovered: boolean
  /** In this candle, and between it and the next. */
  gaps: readonly GapRow[]
}

/** One candle in words and figures. */
export class Legend {
  readonly #time = make('span')
  readonly #fields = new Map<Field, HTMLElement>()
  readonly #count = make('span', { className: 'count' })
  readonly #gap = make('span', { className: 'gap' })

  constructor(container: HTMLElement) {
    const fields = Object.entries(TITLES).map(([name, title]) => this.#field(name as Field, title))
    container.append(this.#time, ...fields, this.#count, this.#gap)
  }

  show(row: CandleRow | undefined, { prices, barMs, isHovered, gaps }: LegendContext): void {
    const { open = 0, high = 0, low = 0, close = 0, volume = 0, vwap = 0, n = 0 } = row ?? {}
    const texts = [
      ...[open, high, low, close].map((price) => prices.text(price)),
      formatSize(volume),
      prices.text(vwap),
    ]
    for (const [index, element] of [...this.#fields.values()].entries()) say(element, row ? (texts[index] ?? '') : '–')
    for (const name of PRICES) {
      const element = this.#fields.get(name)
      if (element) element.className = signOf(close - open)
    }
    say(this.#time, row && isHovered ? formatBarTime(row.open_ts, barMs) : '')
    this.#time.hidden = !isHovered
    const isPartial = row !== undefined && gaps.some(({ from_ts }) => from_ts < row.open_ts + barMs)
    const states = [row?.final === false ? ', open' : '', isPartial ? ', partial' : ''].join('')
    say(this.#count, row ? `${n.toLocaleString('en-US')} ${n === 1 ? 'trade' : 'trades'}${states}` : '')
    this.#showGaps(gaps)
  }

  #showGaps(gaps: readonly GapRow[]): void {
    const [first] = gaps
    const more = gaps.length > 1 ? `, and ${gaps.length - 1} more` : ''
    say(this.#gap, first === undefined ? '' : `${describeGap(first)}${more}`)
    this.#gap.hidden = first === undefined
  }

  #field(name: Field, title: string): HTMLElement {
    const field = make('span')
    field.title = title
    const value = make('b')
    field.append(make('span', { text: name }), value)
    this.#fields.set(name, value)
    return field
  }
}
