import type {
  Logical,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  SeriesAttachedParameter,
} from 'lightweight-charts'

import type { Band } from './gaps.ts'

/** A gap in which there is no bar is seen all the same. */
const LEAST_PX = 4
const EDGE_PX = 2

export interface BandColours {
  fill: string
  edge: string
}

/** Shades behind the bars, over the whole height; an edge above, for those who do not see the tint. */
export class GapBands implements ISeriesPrimitive {
  #chart: SeriesAttachedParameter | null = null
  #bands: readonly Band[] = []
  #colours: BandColours = { fill: 'transparent', edge: 'transparent' }
  readonly #views: readonly IPrimitivePaneView[] = [
    { zOrder: () => 'bottom', renderer: () => ({ draw: (target) => this.#draw(target) }) },
  ]

  attached(chart: SeriesAttachedParameter): void {
    this.#chart = chart
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#views
  }

  show(bands: readonly Band[]): void {
    this.#bands = bands
    this.#chart?.requestUpdate()
  }

  paint(colours: BandColours): void {
    this.#colours = colours
    this.#chart?.requestUpdate()
  }

  #draw(target: Parameters<IPrimitivePaneRenderer['draw']>[0]): void {
    target.useMediaCoordinateSpace(({ context, mediaSize: { width, height } }) => {
      for (const { left, right } of this.#stripes()) {
        if (right < 0 || left > width) continue
        context.fillStyle = this.#colours.fill
        context.fillRect(left, 0, right - left, height)
        context.fillStyle = this.#colours.edge
        context.fillRect(left, 0, right - left, EDGE_PX)
      }
    })
  }

  *#stripes(): Generator<{ left: number; right: number }> {
    const scale = this.#chart?.chart.timeScale()
    for (const { from, to } of this.#bands) {
      // Of a bar's middle: the scale knows no halves.
      const [first, last] = [from, to].map((bar) => scale?.logicalToCoordinate(bar as Logical))
      if (scale === undefined || first == null || last == null) continue
      const half = scale.options().barSpacing / 2
      const [left, right] = [first - half, last - half]
      const missing = Math.max(0, LEAST_PX - (right - left)) / 2
      yield { left: left - missing, right: right + missing }
    }
  }
}
