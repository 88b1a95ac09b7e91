const SVG = 'http://www.w3.org/2000/svg'
const WIDTH = 46
const HEIGHT = 22
const MINUTE = 60_000
const MOST_POINTS = 60

/** The last hour of one symbol in a thumbnail: the close of each minute. */
export class Sparkline {
  readonly element: SVGSVGElement = document.createElementNS(SVG, 'svg')
  readonly #line = document.createElementNS(SVG, 'polyline')
  readonly #closes = new Map<number, number>()

  constructor() {
    this.element.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
    this.element.setAttribute('aria-hidden', 'true')
    this.element.append(this.#line)
    this.element.classList.add('sparkline')
  }

  /** True when a minute changed. */
  put(ts: number, price: number): boolean {
    const minute = Math.floor(ts / MINUTE)
    if (this.#closes.get(minute) === price) return false
    this.#closes.set(minute, price)
    return true
  }

  draw(): void {
    const minutes = [...this.#closes].sort(([a], [b]) => a - b)
    for (const [minute] of minutes.splice(0, Math.max(0, minutes.length - MOST_POINTS))) this.#closes.delete(minute)
    const prices = minutes.map(([, price]) => price)
    if (prices.length < 2) return
    const low = Math.min(...prices)
    const range = Math.max(...prices) - low || 1
    const points = prices.map((price, index) => {
      const x = (index / (prices.length - 1)) * WIDTH
      return `${x.toFixed(1)},${(1 + (1 - (price - low) / range) * (HEIGHT - 2)).toFixed(1)}`
    })
    this.#line.setAttribute('points', points.join(' '))
  }
}
