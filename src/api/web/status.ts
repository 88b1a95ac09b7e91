import { at, make, say } from './element.ts'
import { formatClock } from './format.ts'

/** What `/statusz` says, as far as the page shows it. */
export interface Status {
  version: string
  origin: 'live' | 'simulated' | 'replay'
  symbols: readonly string[]
  started_at: number
  now: number
  health: readonly { component: string; ready: boolean; reason: string | null }[]
  trades_per_second?: number
  latency_p99_ms?: number | null
}

/** Throughput, delay, version, and what is not as it should be. */
export class StatusBar {
  readonly #rate = make('span')
  readonly #delay = make('span', { className: 'more' })

  constructor() {
    at('vitals').append(this.#rate, this.#delay)
  }

  show({ version, health, trades_per_second: rate, latency_p99_ms: p99, now }: Status): void {
    say(
      this.#rate,
      rate === undefined ? '' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en-US')} trades/s`,
    )
    say(this.#delay, p99 == null ? '' : ` · p99 ${p99} ms`)
    this.#delay.title = 'from receipt to readable, of the last ten seconds'
    say(at('version'), `stockpipe ${version}`)
    const reasons = health.flatMap(({ component, reason }) => (reason === null ? [] : [`${component}: ${reason}`]))
    at('notice').hidden = reasons.length === 0
    if (reasons.length > 0) say(at('notice'), `${formatClock(now)} ${reasons.join(' · ')}`)
  }
}
