import type { Database } from 'bun:sqlite'

import type { Interval } from '../../trade.ts'
import type { Remover } from './remove.ts'
import { isNeeded, pruneRollups } from './rollup-retention.ts'
import { type Kind, type Stretch, STRETCH_MS, type WrittenLedger } from './written.ts'

/** What a restart may need outlives every shorter retention. */
const RECOVERY_MS = 3 * 86_400_000

/** In ms since the rows were written; null keeps them for ever. */
export interface Retention {
  /** Trades, late trades and 1 s candles. */
  tradesMs: number | null
  /** Windows, longer candles and gaps. */
  candlesMs: number | null
}

interface Target {
  table: string
  time: string
  written: string
  interval?: Interval
}

const candles = (interval: Interval): Target => ({ table: 'candles', time: 'open_ts', written: 'written_ts', interval })

const TARGETS: Readonly<Record<Kind, Target>> = {
  trades: { table: 'trades', time: 'trade_ts', written: 'ingested_ts' },
  late: { table: 'late_trades', time: 'trade_ts', written: 'written_ts' },
  windows: { table: 'running_averages_15_sec', time: 'window_end_ts', written: 'written_ts' },
  gaps: { table: 'gaps', time: 'from_ts', written: 'written_ts' },
  '1s': candles('1s'),
  '1m': candles('1m'),
  '5m': candles('5m'),
  '15m': candles('15m'),
  '1h': candles('1h'),
  '1d': candles('1d'),
}
const KINDS = Object.keys(TARGETS) as Kind[]

/** Removes what was written too long ago: whole hours of writing at once, whole days of what is kept longer. */
export class Retainer {
  readonly #db: Database
  readonly #remover: Remover
  readonly #ledger: WrittenLedger
  readonly #retention: Retention

  constructor(db: Database, options: { remover: Remover; ledger: WrittenLedger; retention: Retention }) {
    this.#db = db
    this.#remover = options.remover
    this.#ledger = options.ledger
    this.#retention = options.retention
  }

  /** Resolves to the number of rows removed. */
  async prune(now: number): Promise<number> {
    let removed = 0
    for (const kind of KINDS)
      for (const stretch of this.#expired(kind, now)) {
        removed += await this.#remove(kind, stretch)
        await new Promise(setImmediate)
      }
    return removed + (await pruneRollups(this.#db, this.#remover, now - RECOVERY_MS))
  }

  #keepMs(kind: Kind): number | null {
    const { tradesMs, candlesMs } = this.#retention
    if (kind === 'late') return tradesMs === null ? null : Math.max(tradesMs, RECOVERY_MS)
    return kind === 'trades' || kind === '1s' ? tradesMs : candlesMs
  }

  /** Stretches whose end of writing lies behind the retention. */
  #expired(kind: Kind, now: number): Stretch[] {
    const keep = this.#keepMs(kind)
    if (keep === null) return []
    const select = this.#db.query<Stretch, [Kind, number]>(
      'SELECT symbol, start_ts, written_ts FROM written WHERE kind = ? AND written_ts <= ?',
    )
    const stretches = select.all(kind, now - keep - STRETCH_MS[kind])
    return kind === 'late' ? stretches.filter((stretch) => !isNeeded(this.#db, stretch)) : stretches
  }

  #remove(kind: Kind, { symbol, start_ts, written_ts }: Stretch): Promise<number> {
    const { table, time, written, interval } = TARGETS[kind]
    const ofInterval = interval ? ` AND interval = '${interval}'` : ''
    const where = `symbol = ?${ofInterval} AND ${time} >= ? AND ${time} < ? AND ${written} < ?`
    const length = STRETCH_MS[kind]
    const values = [symbol, start_ts, start_ts + length, written_ts + length]
    return this.#remover.remove({ table, time, where, values }, () => {
      const forget = this.#db.query<unknown, [Kind, number, string, number]>(
        'DELETE FROM written WHERE kind = ? AND written_ts = ? AND symbol = ? AND start_ts = ?',
      )
      forget.run(kind, written_ts, symbol, start_ts)
      this.#ledger.forget()
    })
  }
}
