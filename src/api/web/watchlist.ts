import type { LatestRow } from '../../trade.ts'
import { make, say } from './element.ts'
import { formatChange, type PriceFormat, signOf } from './format.ts'
import { Sparkline } from './sparkline.ts'

interface Entry {
  button: HTMLButtonElement
  price: HTMLElement
  change: HTMLElement
  sparkline: Sparkline
  shown: LatestRow | null
}

/** Every symbol with its newest price; each is a button that switches to it. */
export class Watchlist {
  readonly #container: HTMLElement
  readonly #choose: (symbol: string) => void
  readonly #entries = new Map<string, Entry>()

  constructor(container: HTMLElement, choose: (symbol: string) => void) {
    this.#container = container
    this.#choose = choose
  }

  get symbols(): readonly string[] {
    return [...this.#entries.keys()]
  }

  has(symbol: string): boolean {
    return this.#entries.has(symbol)
  }

  add(symbol: string): void {
    if (!this.has(symbol)) this.#entries.set(symbol, this.#add(symbol))
  }

  select(symbol: string): void {
    for (const [name, { button }] of this.#entries) {
      const isChosen = name === symbol
      button.setAttribute('aria-current', String(isChosen))
      if (isChosen) button.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    }
  }

  /** The last hour's closes. */
  putHistory(symbol: string, closes: readonly { ts: number; price: number }[]): void {
    const sparkline = this.#entries.get(symbol)?.sparkline
    for (const { ts, price } of closes) sparkline?.put(ts, price)
    sparkline?.draw()
  }

  show(row: LatestRow, prices: PriceFormat): void {
    const entry = this.#entries.get(row.symbol)
    if (entry === undefined || entry.shown === row) return
    entry.shown = row
    say(entry.price, prices.text(row.price))
    if (entry.sparkline.put(row.trade_ts, row.price)) entry.sparkline.draw()
    if (row.change_percent === null) return
    say(entry.change, formatChange(row.change_percent))
    entry.change.className = signOf(row.change_percent)
  }

  #add(symbol: string): Entry {
    const button = make('button', { className: 'watch' })
    button.type = 'button'
    const { venue, name } = parts(symbol)
    const [price, change, sparkline] = [make('span', { text: '–' }), make('small', { text: ' ' }), new Sparkline()]
    const [label, value] = [make('span', { className: 'name' }), make('span', { className: 'value' })]
    label.append(make('span', { text: name }), make('small', { text: venue }))
    value.append(price, change)
    button.append(label, sparkline.element, value)
    button.title = symbol
    button.addEventListener('click', () => this.#choose(symbol))
    this.#container.append(button)
    return { button, price, change, sparkline, shown: null }
  }
}

function parts(symbol: string): { venue: string; name: string } {
  const colon = symbol.indexOf(':')
  return colon < 0 ? { venue: 'US', name: symbol } : { venue: symbol.slice(0, colon), name: symbol.slice(colon + 1) }
}
