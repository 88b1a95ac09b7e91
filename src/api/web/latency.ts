import type { Hop } from '../../latency.ts'
import type { HopLatency, LatencyReport } from '../../latency-report.ts'
import { at, make, say } from './element.ts'
import { formatDuration } from './format.ts'

const WAYS: Readonly<Record<Hop, readonly [way: string, meaning: string]>> = {
  exchange_receive: ['exchange → received', 'from the time in the trade to its receipt'],
  receive_broker: ['received → log', 'until the log has it'],
  broker_store: ['log → stored', 'until it can be read from the store'],
  store_serve: ['stored → sent', 'until it was sent to who listens, as this page does'],
}

/** `12 ms / 80 ms`; one unit where both have the same. */
export function hopText({ p50_ms: p50, p99_ms: p99 }: Pick<HopLatency, 'p50_ms' | 'p99_ms'>): string {
  if (p50 === null || p99 === null) return '–'
  return p99 < 1_000 ? `${p50} / ${p99} ms` : `${formatDelay(p50)} / ${formatDelay(p99)}`
}

const formatDelay = (ms: number): string =>
  ms >= 1_000 && ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(ms)

/** One line of the way of a trade: how long each hop takes. */
export class LatencyStrip {
  readonly #hops = new Map<Hop, { item: HTMLElement; figures: HTMLElement; note: HTMLElement }>()

  constructor() {
    for (const hop of Object.keys(WAYS) as Hop[]) {
      const [way] = WAYS[hop]
      const item = make('li')
      const figures = make('strong', { text: '–' })
      const note = make('span', { className: 'note' })
      item.append(make('span', { className: 'way', text: way }), figures, note)
      at('hops').append(item)
      this.#hops.set(hop, { item, figures, note })
    }
  }

  show({ hops, clocks }: LatencyReport): void {
    for (const [hop, { item, figures, note }] of this.#hops) {
      const latency = hops[hop]
      say(figures, hopText(latency))
      say(note, latency.note ?? '')
      const isOff = clocks.some((clock) => clock.hop === hop)
      item.classList.toggle('off', isOff)
      const title = [WAYS[hop][1], latency.note ?? ''].filter(Boolean).join('; ')
      if (item.title !== title) item.title = title
    }
  }
}
