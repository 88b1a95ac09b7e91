import type { Client } from 'cassandra-driver'

import { until } from '../until.ts'
import { partitionOf } from '../../src/stream/broker/partitioner.ts'

const POLL_MS = 100
/** Behind by less than this is up to date. */
export const UP_TO_DATE_MS = 1_000

export interface NewestOptions {
  client: Client
  keyspace: string
  symbols: readonly string[]
  partitions: number
}

/** What comes out, as a client of the store sees it: the newest trade of every symbol, asked for again and again. */
export class Newest implements AsyncDisposable {
  readonly #options: NewestOptions
  readonly #ended = new AbortController()
  readonly #newest = new Map<string, number>()
  /** Moments at which something newer was seen, by partition. */
  readonly #moves: number[][]
  readonly #polling: Promise<void>

  constructor(options: NewestOptions) {
    this.#options = options
    this.#moves = Array.from({ length: options.partitions }, () => [])
    this.#polling = this.#poll()
  }

  /** How far the symbol that is furthest behind is behind, ms. */
  lagMs(): number {
    if (this.#newest.size < this.#options.symbols.length) return Number.POSITIVE_INFINITY
    return Date.now() - Math.min(...this.#newest.values())
  }

  async upToDate(): Promise<void> {
    await until(
      () => this.lagMs(),
      (ms) => ms < UP_TO_DATE_MS,
    )
  }

  /** Waits until trades of all symbols that are younger than this moment are stored. Resolves to how long that took, ms. */
  async fresh(): Promise<number> {
    const from = Date.now()
    await until(
      () => this.lagMs(),
      (ms) => ms <= Date.now() - from,
    )
    return Date.now() - from
  }

  /** The longest time without anything new between two moments, by partition, ms. */
  pauses(from: number, to: number): number[] {
    return this.#moves.map((moves) => {
      const before = moves.findLast((at) => at <= from) ?? from
      const within = [before, ...moves.filter((at) => at > from && at <= to), to]
      return Math.max(...within.slice(1).map((at, index) => at - (within[index] ?? at)))
    })
  }

  async #poll(): Promise<void> {
    const { client, keyspace } = this.#options
    while (!this.#ended.signal.aborted) {
      // Before there are tables, and while the store is away, it is an error.
      const result = await client.execute(`SELECT symbol, trade_ts FROM "${keyspace}".latest`).catch(() => null)
      const at = Date.now()
      for (const row of result?.rows ?? []) this.#see(String(row['symbol']), (row['trade_ts'] as Date).getTime(), at)
      await Bun.sleep(POLL_MS)
    }
  }

  #see(symbol: string, t: number, at: number): void {
    if (t <= (this.#newest.get(symbol) ?? 0)) return
    this.#newest.set(symbol, t)
    const moves = this.#moves[partitionOf(symbol, this.#options.partitions)]
    if (moves !== undefined && moves.at(-1) !== at) moves.push(at)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort()
    await this.#polling
  }
}
