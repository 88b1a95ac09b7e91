import type { Database } from 'bun:sqlite'

import type { Interval } from '../../trade.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Rows that leave together: one table, or one interval of the candles. */
export type Kind = 'trades' | 'late' | 'windows' | 'gaps' | Interval

/** Data of one symbol between `start_ts` and one length later, written between `written_ts` and one length later. */
export interface Stretch {
  symbol: string
  start_ts: number
  written_ts: number
}

/** How long a stretch is, of data and of writing time alike: what is written often and leaves early has short ones. */
export const STRETCH_MS: Readonly<Record<Kind, number>> = {
  trades: HOUR_MS,
  late: DAY_MS,
  windows: DAY_MS,
  gaps: DAY_MS,
  '1s': HOUR_MS,
  '1m': DAY_MS,
  '5m': DAY_MS,
  '15m': DAY_MS,
  '1h': DAY_MS,
  '1d': DAY_MS,
}

/** Stretches in milliseconds divided by an hour stay below this until the year 2200. */
const STRETCHES = 2 ** 21

/**
 * Notes which stretches of data were written when, so that retention by time of writing finds its rows by key.
 * It remembers the last note of each symbol, so that almost every row costs a comparison and no statement.
 */
export class WrittenLedger {
  readonly #insert
  readonly #noted = new Map<Kind, Map<string, number>>()

  constructor(db: Database) {
    this.#insert = db.prepare<unknown, [Kind, number, string, number]>(
      'INSERT INTO written (kind, written_ts, symbol, start_ts) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
  }

  note(kind: Kind, symbol: string, time: { data: number; written: number }): void {
    const length = STRETCH_MS[kind]
    const data = Math.floor(time.data / length)
    const written = Math.floor(time.written / length)
    const symbols = this.#symbolsOf(kind)
    const key = data * STRETCHES + written
    if (symbols.get(symbol) === key) return
    this.#insert.run(kind, written * length, symbol, data * length)
    symbols.set(symbol, key)
  }

  /** To be called when notes may have gone: after a rollback, or when retention removed some. */
  forget(): void {
    this.#noted.clear()
  }

  #symbolsOf(kind: Kind): Map<string, number> {
    const known = this.#noted.get(kind)
    if (known) return known
    const symbols = new Map<string, number>()
    this.#noted.set(kind, symbols)
    return symbols
  }
}
