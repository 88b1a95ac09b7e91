/** Which clocks cannot both be right: nothing arrives before it was sent. */
import type { Hop, Latencies } from './latency.ts'

export interface ClockDoubt {
  hop: Hop
  /** By this much at least (ms). */
  off_ms: number
  why: string
  try: string
}

/** The exchange is not ours to set, and its handshake tells whole seconds. */
const FEED_MS = 2_000
const OWN_MS = 250
const ENOUGH = 20

const ENDS: Readonly<Record<Hop, readonly [ahead: string, behind: string]>> = {
  exchange_receive: ["the feed's clock", "the producer's"],
  receive_broker: ["the producer's clock", "the Kafka broker's"],
  broker_store: ["the Kafka broker's clock", "the processor's"],
  store_serve: ["the processor's clock", "this api's"],
}

/**
 * A hop whose median is below zero: the clock of its beginning is ahead of the one at its end. Once in doubt, a clock
 * stays so until half of that.
 */
export function clockDoubt(hop: Hop, latencies: Latencies, isDoubted: boolean): ClockDoubt | null {
  const { p50, samples } = latencies.quantiles(hop)
  const most = (hop === 'exchange_receive' ? FEED_MS : OWN_MS) / (isDoubted ? 2 : 1)
  if (p50 === null || samples < ENOUGH || -p50 < most) return null
  const [ahead, behind] = ENDS[hop]
  return { hop, off_ms: -p50, why: `${ahead} is ${seconds(-p50)} s ahead of ${behind}`, try: adviceOf(hop) }
}

export const seconds = (ms: number): string => (ms < 1_950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000)))

const adviceOf = (hop: Hop): string =>
  hop === 'exchange_receive'
    ? "set the clock of the producer's machine (NTP)"
    : 'set the clocks of both machines (NTP); until then the hops on both sides of the wrong one are off by as much'
