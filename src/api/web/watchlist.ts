import type { LatestRow } from '../../trade.ts'
import { formatChange, formatPrice } from './format.ts'

interface Entry {
  button: HTMLButtonElement
  price: HTMLElement
  change: HTMLElement
}

/** Every symbol with its newest price; a click or Enter switches to it. */
export class Watchlist {
  readonly #container: HTMLElement
  readonly #choose: (symbol: string) => void
  readonly #entries = new Map<string, Entry>()

  constructor(container: HTMLElement, choose: (symbol: string) => void) {
    this.#container = container
    this.#choose = choose
  }

  show(symbols: readonly string[]): void {
    for (const symbol of symbols) if (!this.#entries.has(symbol)) this.#entries.set(symbol, this.#add(symbol))
  }

  select(symbol: string): void {
    this.show([symbol])
    for (const [name, { button }] of this.#entries) button.setAttribute('aria-current', String(name === symbol))
  }

  update({ symbol, price, change_percent: percent }: LatestRow): void {
    this.show([symbol])
    const entry = this.#entries.get(symbol)
    if (entry === undefined) return
    entry.price.textContent = formatPrice(price)
    if (percent === null) return
    entry.change.textContent = formatChange(percent)
    entry.change.className = `num right ${percent < 0 ? 'down' : 'up'}`
  }

  #add(symbol: string): Entry {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'watch'
    const { venue, name } = parts(symbol)
    const price = text('span', '–', 'num right')
    const change = text('small', '', 'num right')
    button.append(text('span', name, ''), price, text('small', venue, ''), change)
    button.setAttribute('aria-label', symbol)
    button.addEventListener('click', () => this.#choose(symbol))
    this.#container.append(button)
    return { button, price, change }
  }
}

function parts(symbol: string): { venue: string; name: string } {
  const colon = symbol.indexOf(':')
  return colon < 0 ? { venue: 'US', name: symbol } : { venue: symbol.slice(0, colon), name: symbol.slice(colon + 1) }
}

function text(tag: 'span' | 'small', content: string, className: string): HTMLElement {
  const made = document.createElement(tag)
  made.textContent = content
  made.className = className
  return made
}
