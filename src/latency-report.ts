/** Latency in words and numbers, as /statusz, /v1/stats and the page show it. */
import type { ClockDoubt } from './clock-doubt.ts'
import { type Hop, HOPS, type Latencies, LATENCY_WINDOW_S } from './latency.ts'

export interface HopLatency {
  /** Upper bounds, at most a quarter too high. Null: not known, and `note` says why. */
  p50_ms: number | null
  p99_ms: number | null
  samples: number
  /** Why there is no figure, or how to take it. */
  note: string | null
}

export interface LatencyReport {
  /** The figures are of so many seconds. */
  window_s: number
  hops: Readonly<Record<Hop, HopLatency>>
  /** How far the feed's clock is ahead; null where the feed is another process's affair, or has not told. */
  clock_offset_ms: number | null
  /** Clocks that do not agree. */
  clocks: readonly ClockDoubt[]
}

export interface ReportFacts {
  origin: 'live' | 'simulated' | 'replay' | null
  roles: readonly string[]
  clocks: readonly ClockDoubt[]
}

export function latencyReport(latencies: Latencies, facts: ReportFacts): LatencyReport {
  const report = (hop: Hop) => [hop, hopLatency(hop, latencies, facts)] as const
  return {
    window_s: LATENCY_WINDOW_S,
    hops: Object.fromEntries(HOPS.map(report)) as Record<Hop, HopLatency>,
    clock_offset_ms: latencies.feedClock?.offset ?? null,
    clocks: latencies.feedClock?.doubt ? [latencies.feedClock.doubt, ...facts.clocks] : facts.clocks,
  }
}

function hopLatency(hop: Hop, latencies: Latencies, facts: ReportFacts): HopLatency {
  const { samples, p50, p99 } = latencies.quantiles(hop)
  const none = (note: string) => ({ p50_ms: null, p99_ms: null, samples, note })
  if (p50 === null || p99 === null) return none(whyNone(hop, latencies, facts))
  if (p50 < 0) return none(`clocks differ by ${-p50} ms at least: those of its two ends`)
  const note = hop === 'exchange_receive' && facts.origin === 'simulated' ? 'simulated' : null
  return { p50_ms: p50, p99_ms: p99, samples, note }
}

function whyNone(hop: Hop, latencies: Latencies, { origin, roles }: ReportFacts): string {
  const isServing = roles.includes('api')
  if (!isServing && (hop === 'store_serve' || !roles.includes('processor'))) return 'see the api: it knows of all hops'
  if (hop === 'store_serve') return 'nobody listens to live data of this api, or there is none'
  if (origin === 'replay' && hop !== 'broker_store') return 'a replay: it was received when it was recorded'
  if (!latencies.isKnown) return 'no processor has told for 15 s'
  if (hop === 'exchange_receive' && latencies.quantiles('history').samples > 0)
    return 'trades are more than a minute old when they come: history, or a delayed venue'
  return `no trade was stored in the last ${LATENCY_WINDOW_S} s`
}
