import type { TradeRow } from '../../trade.ts'
import { make } from './element.ts'
import { formatSize, formatTradeTime, type PriceFormat, signOf } from './format.ts'

const MOST_ROWS = 200
const SIGNS = { up: '▲', down: '▼', '': '' } as const
/** How fast the largest size seen is forgotten, per trade. */
const FADE = 0.995

/** The newest trades on top, drawn once a frame; lines that fall off the end are used again. */
export class Tape {
  readonly #body: HTMLElement
  #waiting: TradeRow[] = []
  #lastPrice: number | null = null
  #largest = 0

  constructor(body: HTMLElement) {
    this.#body = body
  }

  clear(): void {
    this.#waiting = []
    this.#lastPrice = null
    this.#largest = 0
    this.#body.replaceChildren()
  }

  add(rows: readonly TradeRow[]): void {
    this.#waiting.push(...rows)
    if (this.#waiting.length > MOST_ROWS) this.#waiting = this.#waiting.slice(-MOST_ROWS)
  }

  draw(prices: PriceFormat): void {
    for (const row of this.#waiting) this.#body.prepend(this.#line(row, prices))
    this.#waiting = []
  }

  #line({ trade_ts, price, volume, flags }: TradeRow, prices: PriceFormat): HTMLElement {
    const direction = this.#lastPrice === null ? '' : signOf(price - this.#lastPrice)
    this.#lastPrice = price
    this.#largest = Math.max(volume, this.#largest * FADE)
    const line = this.#body.childElementCount >= MOST_ROWS ? this.#body.lastElementChild : null
    const reused = line instanceof HTMLTableRowElement ? line : emptyLine()
    const [time, cell, size] = reused.cells
    if (time) time.textContent = formatTradeTime(trade_ts)
    if (cell) {
      cell.className = direction
      cell.replaceChildren(make('span', { className: 'sign', text: SIGNS[direction] }), prices.text(price))
    }
    if (size) {
      size.textContent = formatSize(volume)
      size.style.setProperty('--share', `${Math.round(100 * Math.sqrt(volume / this.#largest || 0))}%`)
    }
    reused.title = flags
    return reused
  }
}

function emptyLine(): HTMLTableRowElement {
  const line = make('tr')
  line.append(make('td'), make('td'), make('td'))
  return line
}
