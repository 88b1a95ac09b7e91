import type { Clock } from './clock.ts'
import { Latencies } from './latency.ts'

const WINDOW_S = 10

interface Slot {
  second: number
  trades: number
}

export interface StatsSnapshot {
  trades_per_second: number
  /** From receipt to readable in the store. */
  latency_p50_ms: number | null
  latency_p99_ms: number | null
  /** Records not yet processed, by all processors where they are elsewhere; null as long as nobody knows. */
  lag_records: number | null
  trades_stored: number
}

/** Rates and latencies of the last ten seconds, in constant memory: what the status line and /v1/stats show. */
export class PipelineStats {
  readonly latency: Latencies
  readonly #clock: Clock
  readonly #slots: Slot[] = []
  readonly #lags = new Map<number, number>()
  #total = 0
  #elsewhere: { records: number | null } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.latency = new Latencies(clock)
  }

  stored(trades: number): void {
    this.#slot().trades += trades
    this.#total += trades
  }

  lag(partition: number, records: number): void {
    this.#lags.set(partition, records)
  }

  /** Of processors elsewhere. Null: not known just now. */
  lagElsewhere(records: number | null): void {
    this.#elsewhere = { records }
  }

  snapshot(): StatsSnapshot {
    const now = Math.floor(this.#clock.now() / 1000)
    const recent = this.#slots.filter((slot) => slot.second > now - WINDOW_S)
    const oldest = recent[0]?.second ?? now
    const trades = recent.reduce((sum, slot) => sum + slot.trades, 0)
    const { p50, p99 } = this.latency.quantiles('receive_store')
    return {
      trades_per_second: trades / Math.max(1, now - oldest),
      latency_p50_ms: p50 === null ? null : Math.max(0, p50),
      latency_p99_ms: p99 === null ? null : Math.max(0, p99),
      lag_records: this.#elsewhere
        ? this.#elsewhere.records
        : [...this.#lags.values()].reduce((sum, lag) => sum + lag, 0),
      trades_stored: this.#total,
    }
  }

  #slot(): Slot {
    const second = Math.floor(this.#clock.now() / 1000)
    const last = this.#slots.at(-1)
    if (last?.second === second) return last
    const slot = { second, trades: 0 }
    this.#slots.push(slot)
    if (this.#slots.length > WINDOW_S + 1) this.#slots.shift()
    return slot
  }
}
