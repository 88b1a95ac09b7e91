import type { types } from 'cassandra-driver'

import { toNumber } from './values.ts'
import type { OracleRecord, OracleResult, OracleWindow } from '../oracle.ts'
import type { Entry } from '../../src/trade.ts'

interface WantedTrade {
  entry: Entry
  received: number | null
  flags: string
  isSeen: boolean
}

/** `trades`: what the log holds against what is stored. */
export class Trades {
  readonly #wanted = new Map<string, WantedTrade>()
  readonly #wrong: string[] = []

  get size(): number {
    return this.#wanted.size
  }

  want(partition: number, records: readonly OracleRecord[], { trades, future }: OracleResult): void {
    const byOffset = new Map(records.map((record) => [record.offset, record]))
    const want = (flags: string) => (id: string) => {
      const [offset = 0, index = 0] = id.split(':').map(Number)
      const record = byOffset.get(offset)
      const entry = record?.entries[index]
      if (record === undefined || entry === undefined) throw new Error(`the rules name ${id}, which is not in the log`)
      this.#wanted.set(`${partition}/${id}`, { entry, received: record.received, flags, isSeen: false })
    }
    trades.forEach(want(''))
    future.forEach(want('future'))
  }

  see(row: types.Row): void {
    const id = `${row['log_partition']}/${toNumber(row['log_offset'])}:${row['log_index']}`
    const wanted = this.#wanted.get(id)
    if (wanted === undefined) return void this.#wrong.push(`trade ${id} is not in the log`)
    if (wanted.isSeen) this.#wrong.push(`trade ${id} is there twice`)
    wanted.isSeen = true
    const { s, t, p, v, c } = wanted.entry
    const payload = { symbol: s, trade_ts: t, price: p, volume: v, conditions: c?.join() ?? '', flags: wanted.flags }
    for (const [column, value] of Object.entries({ ...payload, received_ts: wanted.received })) {
      const stored =
        row[column] instanceof Date ? toNumber(row[column]) : (row[column] ?? (column === 'received_ts' ? null : ''))
      if (stored !== value) this.#wrong.push(`trade ${id}: ${column} is ${String(stored)}, not ${value}`)
    }
  }

  wrong(): string[] {
    const missing = [...this.#wanted].filter(([, { isSeen }]) => !isSeen)
    return [...missing.map(([id, { entry }]) => `trade ${id} (${entry.s} ${entry.t}) is missing`), ...this.#wrong]
  }
}

/** Hopping windows and candles. */
export class Windows {
  readonly #wanted = new Map<string, OracleWindow>()
  readonly #seen = new Set<string>()
  readonly #wrong: string[] = []

  get size(): number {
    return this.#wanted.size
  }

  want({ windows }: OracleResult): void {
    for (const window of windows.values()) this.#wanted.set(`${window.symbol} ${window.kind} ${window.start}`, window)
  }

  see(row: types.Row): void {
    const kind = (row['interval'] as string | undefined) ?? 'window'
    const key = `${row['symbol']} ${kind} ${toNumber(row['open_ts'] ?? row['window_start_ts'])}`
    const wanted = this.#wanted.get(key)
    if (wanted === undefined) return void this.#wrong.push(`${key} is not what the rules give`)
    this.#seen.add(key)
    const { n, open, high, low, close, volume, pv, mean, isPast } = wanted
    const means = kind === 'window' ? { mean_price: mean, mean_notional: pv / n } : {}
    for (const [column, value] of Object.entries({ n, open, high, low, close, volume, vwap: pv / volume, ...means }))
      if (!(Math.abs(Number(row[column]) - value) <= 1e-9 * Math.abs(value)))
        this.#wrong.push(`${key}: ${column} is ${row[column]}, not ${value}`)
    if (isPast && (row['final'] !== true || row['closed_by'] !== 'watermark'))
      this.#wrong.push(`${key} is not final by the watermark: ${row['final']}, ${row['closed_by']}`)
  }

  wrong(): string[] {
    const missing = [...this.#wanted.keys()].filter((key) => !this.#seen.has(key))
    return [...missing.map((key) => `${key} is missing`), ...this.#wrong]
  }
}

/** `late_trades`. */
export class LatePrints {
  readonly #wanted = new Map<string, string>()
  readonly #seen = new Set<string>()
  readonly #wrong: string[] = []

  want(partition: number, { late }: OracleResult): void {
    for (const [id, { missed, entry }] of late) this.#wanted.set(`${partition}/${id}`, `${missed} ${entry}`)
  }

  see(row: types.Row): void {
    const id = `${row['log_partition']}/${toNumber(row['log_offset'])}:${row['log_index']}`
    const stored = `${row['missed']} ${row['entry_interval'] ?? ''}`
    this.#seen.add(id)
    if (this.#wanted.get(id) !== stored) this.#wrong.push(`late ${id}: ${stored}, not ${this.#wanted.get(id)}`)
  }

  wrong(): string[] {
    const missing = [...this.#wanted.keys()].filter((id) => !this.#seen.has(id))
    return [...missing.map((id) => `late ${id} is missing`), ...this.#wrong]
  }
}
