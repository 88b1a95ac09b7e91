import type { TradeRow } from '../../trade.ts'
import { formatPrice, formatSize, formatTradeTime } from './format.ts'

const MOST_ROWS = 200

/** The newest trades on top, at most 200, drawn once a frame. */
export class Tape {
  readonly #body: HTMLElement
  #waiting: TradeRow[] = []
  #lastPrice: number | null = null

  constructor(body: HTMLElement) {
    this.#body = body
  }

  clear(): void {
    this.#waiting = []
    this.#lastPrice = null
    this.#body.replaceChildren()
  }

  add(rows: readonly TradeRow[]): void {
    this.#waiting.push(...rows)
    if (this.#waiting.length > MOST_ROWS) this.#waiting = this.#waiting.slice(-MOST_ROWS)
  }

  draw(): void {
    if (this.#waiting.length === 0) return
    const lines = this.#waiting.map((row) => this.#line(row)).toReversed()
    this.#waiting = []
    this.#body.prepend(...lines)
    while (this.#body.childElementCount > MOST_ROWS) this.#body.lastElementChild?.remove()
  }

  #line({ trade_ts, price, volume }: TradeRow): HTMLTableRowElement {
    const direction =
      this.#lastPrice === null || price === this.#lastPrice ? '' : price > this.#lastPrice ? 'up' : 'down'
    this.#lastPrice = price
    const line = document.createElement('tr')
    const sign = direction === 'up' ? '▲ ' : direction === 'down' ? '▼ ' : ''
    line.append(
      cell(formatTradeTime(trade_ts), ''),
      cell(sign + formatPrice(price), `right ${direction}`),
      cell(formatSize(volume), 'right'),
    )
    return line
  }
}

function cell(text: string, className: string): HTMLTableCellElement {
  const made = document.createElement('td')
  made.textContent = text
  made.className = className
  return made
}
