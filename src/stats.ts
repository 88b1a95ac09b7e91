import type { Clock } from './clock.ts'

const WINDOW_S = 10
/** Upper bounds in ms; the last one takes everything above. */
const BOUNDS = Array.from({ length: 64 }, (_, index) => Math.round(1.25 ** index))

interface Slot {
  second: number
  trades: number
  latencies: Uint32Array
}

export interface StatsSnapshot {
  trades_per_second: number
  latency_p50_ms: number | null
  latency_p99_ms: number | null
  /** Records not yet processed, by all processors where they are elsewhere; null as long as nobody knows. */
  lag_records: number | null
  trades_stored: number
}

/** Rates and latencies of the last ten seconds, in constant memory: what the status line and /v1/stats show. */
export class PipelineStats {
  readonly #clock: Clock
  readonly #slots: Slot[] = []
  readonly #lags = new Map<number, number>()
  #total = 0
  #elsewhere: { records: number | null } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  stored(trades: number): void {
    this.#slot().trades += trades
    this.#total += trades
  }

  latency(ms: number): void {
    const index = BOUNDS.findIndex((bound) => ms <= bound)
    const { latencies } = this.#slot()
    const at = index < 0 ? BOUNDS.length - 1 : index
    latencies[at] = (latencies[at] ?? 0) + 1
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
    return {
      trades_per_second: trades / Math.max(1, now - oldest),
      latency_p50_ms: quantile(recent, 0.5),
      latency_p99_ms: quantile(recent, 0.99),
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
    const slot = { second, trades: 0, latencies: new Uint32Array(BOUNDS.length) }
    this.#slots.push(slot)
    if (this.#slots.length > WINDOW_S + 1) this.#slots.shift()
    return slot
  }
}

/** The bound below which the share `q` of the samples lies; null without samples. */
function quantile(slots: readonly Slot[], q: number): number | null {
  const counts = BOUNDS.map((_, index) => slots.reduce((sum, slot) => sum + (slot.latencies[index] ?? 0), 0))
  const total = counts.reduce((a, b) => a + b, 0)
  if (total === 0) return null
  let passed = 0
  const at = counts.findIndex((count) => (passed += count) >= total * q)
  return BOUNDS[at] ?? null
}
