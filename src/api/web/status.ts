import { type BadgeFacts, badgeOf } from './badge.ts'
import type { Client } from './client.ts'
import { at, make, say } from './element.ts'
import { formatClock } from './format.ts'
import { LatencyStrip } from './latency.ts'
import type { LatencyReport } from '../../latency-report.ts'

/** What `/statusz` says, as far as the page shows it. */
export interface Status {
  version: string
  /** Null as long as the server does not know. */
  origin: 'live' | 'simulated' | 'replay' | null
  symbols: readonly string[]
  started_at: number
  now: number
  health: readonly { component: string; ready: boolean; reason: string | null }[]
  trades_per_second?: number
  latency_p99_ms?: number | null
  latency?: LatencyReport
}

/** The badge, throughput, delay, version, and what is not as it should be. */
export class StatusBar {
  readonly #rate = make('span')
  readonly #delay = make('span', { className: 'more' })
  readonly #latency = new LatencyStrip()

  constructor() {
    at('vitals').append(this.#rate, this.#delay)
  }

  showBadge(facts: BadgeFacts): void {
    const { kind, text, meaning } = badgeOf(facts)
    const badge = at('badge')
    badge.dataset['kind'] = kind
    badge.title = meaning
    say(badge, text)
  }

  show({ version, health, trades_per_second: rate, latency_p99_ms: p99, latency, now }: Status): void {
    say(
      this.#rate,
      rate === undefined ? '' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en-US')} trades/s`,
    )
    say(this.#delay, p99 == null ? '' : ` · p99 ${p99} ms`)
    this.#delay.title = 'from receipt to readable, of the last ten seconds'
    if (latency !== undefined) this.#latency.show(latency)
    say(at('version'), `stockpipe ${version}`)
    const reasons = health.flatMap(({ component, reason }) => (reason === null ? [] : [`${component}: ${reason}`]))
    at('notice').hidden = reasons.length === 0
    if (reasons.length > 0) say(at('notice'), `${formatClock(now)} ${reasons.join(' · ')}`)
  }
}

/** What there is to choose from: what is followed, and what there is data of. A replay follows only what it brings. */
export async function readSymbols(client: Client, { origin, symbols }: Status): Promise<string[]> {
  const known = await client.get<{ data: readonly { symbol: string; price: number | null }[] }>('/v1/symbols')
  const traded = (known?.data ?? []).filter(({ price }) => price !== null).map(({ symbol }) => symbol)
  return [...new Set([...(origin === 'replay' ? [] : symbols), ...traded])]
}
