import type { Database, SQLQueryBindings } from 'bun:sqlite'

import type { Entry, RollupRow, TradeBatch, TradeRow } from '../../trade.ts'
import type { Rows } from '../store.ts'
import { COLUMNS } from './columns.ts'
import type { Kind, WrittenLedger } from './written.ts'

const HOUR_MS = 3_600_000

export const INSERT_TRADE = `INSERT INTO trades
  (symbol, trade_ts, log_partition, log_offset, log_index, price, volume, conditions, received_ts, ingested_ts, flags)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

/** Generated columns: they are read, never written. */
const GENERATED: ReadonlySet<string> = new Set(['hour', 'day', 'bucket'])
const stored = (columns: readonly string[]): string[] => columns.filter((column) => !GENERATED.has(column))

export const ROLLUP_COLUMNS = [
  'log_partition',
  'incarnation',
  'interval',
  'symbol',
  'start_ts',
  'n',
  'volume',
  'sum_pv',
  'sum_p',
  'high',
  'low',
  'open',
  'open_ts',
  'open_offset',
  'open_index',
  'close',
  'close_ts',
  'close_offset',
  'close_index',
] as const satisfies readonly (keyof RollupRow)[]

interface Upsert {
  table: string
  /** Without `written_ts`, which `note` adds. */
  columns: readonly string[]
  key: readonly string[]
  /** When a row that is there already is replaced. */
  when: string
  /** What the row is for retention, and the column that tells its stretch. Null: retention knows it otherwise. */
  note: { kind: Kind | 'interval'; time: string } | null
  /** Whether the table keeps when the row was written. */
  hasWritten: boolean
}

const LARGER_STAMP = 'excluded.stamp > stamp'

const UPSERTS = {
  windows: {
    table: 'running_averages_15_sec',
    columns: [...stored(COLUMNS.windows), 'stamp'],
    key: ['symbol', 'window_end_ts'],
    when: LARGER_STAMP,
    note: { kind: 'windows', time: 'window_end_ts' },
    hasWritten: true,
  },
  candles: {
    table: 'candles',
    columns: [...stored(COLUMNS.candles), 'stamp'],
    key: ['symbol', 'interval', 'open_ts'],
    when: LARGER_STAMP,
    note: { kind: 'interval', time: 'open_ts' },
    hasWritten: true,
  },
  late: {
    table: 'late_trades',
    columns: stored(COLUMNS.late),
    key: ['symbol', 'trade_ts', 'log_partition', 'log_offset', 'log_index'],
    when: 'excluded.incarnation >= incarnation',
    note: { kind: 'late', time: 'trade_ts' },
    hasWritten: true,
  },
  rollups: {
    table: 'rollup',
    columns: ROLLUP_COLUMNS,
    key: ['log_partition', 'incarnation', 'interval', 'start_ts', 'symbol'],
    when: 'true',
    note: null,
    hasWritten: true,
  },
  latest: {
    table: 'latest',
    columns: COLUMNS.latest,
    key: ['symbol'],
    when: LARGER_STAMP,
    note: null,
    hasWritten: false,
  },
  gaps: {
    table: 'gaps',
    columns: [...stored(COLUMNS.gaps), 'stamp'],
    key: ['symbol', 'from_ts', 'cause'],
    when: LARGER_STAMP,
    note: { kind: 'gaps', time: 'from_ts' },
    hasWritten: true,
  },
} satisfies Record<Exclude<keyof Rows, 'trades'>, Upsert>

/** Writes one row of a part, or one batch of trades, and returns how many rows that were at most. */
type Step = (rows: Rows, index: number) => number

/** Binds rows to prepared statements. The transaction is the caller's affair. */
export class Inserter {
  /** In the order they are written: trades and gaps first, what is judged by them after. */
  readonly steps: readonly { part: keyof Rows; insert: Step }[]
  /** Unix ms at which the current transaction writes. */
  writtenAt = 0
  readonly #ledger: WrittenLedger
  readonly #insertTrade

  constructor(db: Database, ledger: WrittenLedger) {
    this.#ledger = ledger
    this.#insertTrade = db.prepare<unknown, SQLQueryBindings[]>(INSERT_TRADE)
    const derived = ['gaps', 'windows', 'candles', 'late', 'rollups', 'latest'] as const
    this.steps = [
      { part: 'trades', insert: (rows, index) => this.#trades(rows.trades[index]) },
      ...derived.map((part) => ({ part, insert: this.#upsert(db, part) })),
    ]
  }

  /** A complete row of `trades`. One that is there stays. */
  tradeRow(row: TradeRow): void {
    this.#ledger.note('trades', row.symbol, { data: row.trade_ts, written: row.ingested_ts })
    const { symbol, trade_ts, log_partition, log_offset, log_index, price, volume } = row
    const { conditions, received_ts, ingested_ts, flags } = row
    const place = [symbol, trade_ts, log_partition, log_offset, log_index]
    this.#insertTrade.run(...place, price, volume, conditions, received_ts, ingested_ts, flags)
  }

  #trades(batch: TradeBatch | undefined): number {
    if (batch === undefined) return 0
    const { symbol, partition, offset, received, ingested, entries, skip, future } = batch
    let hour = Number.NaN
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index]
      if (entry === undefined || skip?.has(index)) continue
      const { t, p, v } = entry
      if (Math.floor(t / HOUR_MS) !== hour) {
        hour = Math.floor(t / HOUR_MS)
        this.#ledger.note('trades', symbol, { data: t, written: ingested })
      }
      const flags = future?.has(index) ? 'future' : ''
      const conditions = conditionsOf(entry)
      this.#insertTrade.run(symbol, t, partition, offset, index, p, v, conditions, received, ingested, flags)
    }
    return entries.length
  }

  #upsert(db: Database, part: keyof typeof UPSERTS): Step {
    const { columns, note, hasWritten }: Upsert = UPSERTS[part]
    const statement = db.prepare<unknown, SQLQueryBindings[]>(upsertSql(UPSERTS[part]))
    const values: SQLQueryBindings[] = []
    return (rows, index) => {
      const row = rows[part][index] as unknown as Record<string, string | number | null>
      for (let at = 0; at < columns.length; at++) values[at] = row[columns[at] ?? ''] ?? null
      if (hasWritten) values[columns.length] = this.writtenAt
      if (note) this.#note(note, row)
      statement.run(...values)
      return 1
    }
  }

  #note(note: NonNullable<Upsert['note']>, row: Record<string, string | number | null>): void {
    const kind = note.kind === 'interval' ? row['interval'] : note.kind
    const time = { data: row[note.time] as number, written: this.writtenAt }
    this.#ledger.note(kind as Kind, row['symbol'] as string, time)
  }
}

function upsertSql({ table, columns, key, when, hasWritten }: Upsert): string {
  const names = hasWritten ? [...columns, 'written_ts'] : columns
  const sets = names.filter((name) => !key.includes(name)).map((name) => `${name} = excluded.${name}`)
  return `INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})
    ON CONFLICT (${key.join()}) DO UPDATE SET ${sets.join()} WHERE ${when}`
}

/** Comma joined; entries that are null are left out. */
export function conditionsOf({ c }: Entry): string {
  if (c === null || c.length === 0) return ''
  return c.length === 1 ? (c[0] ?? '') : c.filter((condition) => condition !== null).join()
}
