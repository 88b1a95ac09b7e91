import type { types } from 'cassandra-driver'

import { toNumber } from './values.ts'
import type { OracleRecord, OracleResult, OracleWindow } from '../oracle.ts'

/** What is expected of an entry of a record, and whether it was found. */
const [UNWANTED, WANTED, FUTURE, SEEN] = [0, 1, 2, 3]

interface Expected {
  record: OracleRecord
  states: Uint8Array
}

/** `trades`: what the log holds against what is stored. Small, for runs have millions. */
export class Trades {
  readonly #partitions = new Map<number, Map<number, Expected>>()
  readonly #wrong: string[] = []
  size = 0

  want(partition: number, records: readonly OracleRecord[], { trades, future }: OracleResult): void {
    const expected = new Map<number, Expected>()
    for (const record of records) expected.set(record.offset, { record, states: new Uint8Array(record.entries.length) })
    const want = (state: number) => (id: string) => {
      const [offset = 0, index = 0] = id.split(':').map(Number)
      const found = expected.get(offset)
      if (found === undefined) throw new Error(`the rules name ${id}, which is not in the log`)
      found.states[index] = state
    }
    trades.forEach(want(WANTED))
    future.forEach(want(FUTURE))
    this.size += trades.length + future.length
    this.#partitions.set(partition, expected)
  }

  see(row: types.Row): void {
    const [partition, offset, index] = [row['log_partition'], row['log_offset'], row['log_index']].map(toNumber)
    const id = `${partition}/${offset}:${index}`
    const { record, states } = this.#partitions.get(partition ?? -1)?.get(offset ?? -1) ?? {}
    const entry = record?.entries[index ?? -1]
    const state = states?.[index ?? -1] ?? UNWANTED
    if (entry === undefined || state === UNWANTED) return void this.#wrong.push(`trade ${id} is not in the log`)
    if (state === SEEN) return void this.#wrong.push(`trade ${id} is there twice`)
    states?.fill(SEEN, index, (index ?? 0) + 1)
    const stored = [
      row['symbol'],
      toNumber(row['trade_ts']),
      row['price'],
      row['volume'],
      row['conditions'] ?? '',
      row['flags'] ?? '',
      row['received_ts'] === null ? null : toNumber(row['received_ts']),
    ].join('|')
    const flags = state === FUTURE ? 'future' : ''
    const wanted = [entry.s, entry.t, entry.p, entry.v, entry.c?.join() ?? '', flags, record?.received].join('|')
    if (stored !== wanted) this.#wrong.push(`trade ${id}: ${stored}, not ${wanted}`)
  }

  wrong(): string[] {
    const missing: string[] = []
    for (const [partition, expected] of this.#partitions)
      for (const [offset, { states, record }] of expected)
        for (const [index, state] of states.entries())
          if (state === WANTED || state === FUTURE)
            missing.push(`trade ${partition}/${offset}:${index} (${record.entries[index]?.s}) is missing`)
    return [...missing, ...this.#wrong]
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
