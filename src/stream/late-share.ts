import type { Partition } from './partition.ts'
import type { Context } from '../telemetry.ts'

/** Trades of a symbol that were folded, and those of them that came after their second was final. */
export interface Punctuality {
  symbol: string
  trades: number
  late: number
  /** The latest of all, ms behind the watermark. */
  mostLateMs: number
}

const LOOK_EVERY_MS = 10_000
/** Fewer trades than this are no pattern. */
const FEWEST = 100
const ALARM = 0.05
const FINE = 0.025
/** Of a symbol that sleeps nothing is told any more. */
const FRESH_MS = 600_000

interface Looked extends Pick<Punctuality, 'trades' | 'late'> {
  /** Of the trades between the last two looks at enough of them. */
  share: number
  at: number
}

/**
 * A watermark belongs to a partition: where one venue is delayed, its symbols are late while their neighbours are not.
 * Looks every 10 s at the symbols with 100 trades since the look before.
 */
export class LateShare {
  readonly #context: Context
  readonly #seen = new WeakMap<Partition, { at: number; symbols: Map<string, Looked> }>()
  readonly #delayed = new Set<string>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Once per batch; does nothing most of the time. */
  look(partition: Partition): void {
    const now = this.#context.clock.now()
    const seen = this.#seen.get(partition) ?? { at: Number.NEGATIVE_INFINITY, symbols: new Map() }
    if (now - seen.at < LOOK_EVERY_MS) return
    this.#seen.set(partition, seen)
    seen.at = now
    for (const current of partition.engine.punctuality()) {
      const before = seen.symbols.get(current.symbol) ?? { trades: 0, late: 0 }
      const trades = current.trades - before.trades
      if (trades < FEWEST) continue
      const late = current.late - before.late
      seen.symbols.set(current.symbol, { trades: current.trades, late: current.late, share: late / trades, at: now })
      this.#judge(current, { trades, late })
    }
    const fresh = [...seen.symbols.values()].filter(({ at }) => now - at <= FRESH_MS)
    const worst = Math.max(0, ...fresh.map(({ share }) => share))
    if (seen.symbols.size > 0) this.#context.metrics.lateShare.set({ partition: String(partition.number) }, worst)
  }

  /** The partition is somebody else's. */
  left(partition: number): void {
    this.#context.metrics.lateShare.remove({ partition: String(partition) })
  }

  #judge({ symbol, mostLateMs }: Punctuality, { trades, late }: Pick<Punctuality, 'trades' | 'late'>): void {
    const { log } = this.#context
    const share = late / trades
    if (share > ALARM && !this.#delayed.has(symbol)) {
      this.#delayed.add(symbol)
      log.warn('trades.late', {
        symbol,
        late,
        trades,
        mostLateMs,
        why: 'they came after their second was final: its venue is delayed against the other symbols of its partition',
        note: 'they are kept, count in every window that was still open, and are rows of late_trades',
        try: 'a larger --delay, or `stockpipe reprocess --include-late` afterwards',
      })
    }
    if (share < FINE && this.#delayed.delete(symbol)) log.info('trades.punctual', { symbol })
  }
}
