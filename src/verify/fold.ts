import type { LogRecord } from '../stream/broker.ts'
import type { ReprocessRun } from '../stream/store/revisions.ts'
import { hourOf, type TradeRow } from '../trade.ts'
import { Judge, type Judged, type Verdict } from './judge.ts'
import { latenessOf, type Rules } from './rules.ts'
import type { Print } from './sums.ts'
import { type Expected, type LatePrints, Windows } from './windows.ts'

/** Of what is folded, what is compared; null: all of it. */
export interface Wanted {
  symbols: ReadonlySet<string> | null
}

export interface FoldOptions {
  rules: Rules
  isTruncated: boolean
  wanted: Wanted
  lates?: LatePrints
  /** Where it ends: records from here on do not count. */
  end?: number
}

/** One partition of the log under one set of rules: its records in order, its windows as they finish. */
export class Fold {
  readonly judge: Judge
  readonly windows: Windows
  readonly rules: Rules
  readonly #wanted: Wanted
  readonly #end: number

  constructor({ rules, isTruncated, wanted, lates, end = Number.POSITIVE_INFINITY }: FoldOptions) {
    this.rules = rules
    this.judge = new Judge(rules, { isTruncated })
    this.windows = new Windows(rules, this.judge, lates)
    this.#wanted = wanted
    this.#end = end
  }

  /** Null for a record beyond the end. */
  fold(record: LogRecord): Verdict | null {
    if (record.offset >= this.#end) return null
    const verdict = this.judge.judge(record)
    for (const judged of verdict.entries)
      if (judged.what === 'trade' && this.isWanted(judged.entry.s))
        this.windows.add(printOf(record, judged), judged.watermark)
    return verdict
  }

  isWanted(symbol: string): boolean {
    return this.#wanted.symbols?.has(symbol) ?? true
  }

  close(): Expected[] {
    return this.windows.close()
  }
}

/** Gathers what a rule with `includeLate` must know beforehand. */
export class LateCollector {
  readonly #fold: Fold
  readonly #range: { from: number; to: number }
  readonly #prints = new Map<string, Print[]>()

  constructor(options: Omit<FoldOptions, 'lates'>, range: { from: number; to: number }) {
    this.#fold = new Fold({ ...options, wanted: { symbols: new Set() } })
    this.#wanted = options.wanted
    this.#range = range
  }
  readonly #wanted: Wanted

  read(record: LogRecord): void {
    for (const judged of this.#fold.fold(record)?.entries ?? []) {
      const { s, t } = judged.entry
      if (judged.what !== 'trade' || t < this.#range.from || t >= this.#range.to) continue
      if (!(this.#wanted.symbols?.has(s) ?? true)) continue
      if (latenessOf(t, judged.watermark, this.#fold.rules) === null) continue
      const prints = this.#prints.get(s) ?? []
      prints.push(printOf(record, judged))
      this.#prints.set(s, prints)
    }
  }

  /** By time. */
  prints(): LatePrints {
    for (const prints of this.#prints.values()) prints.sort((a, b) => a.t - b.t)
    return this.#prints
  }
}

export const rulesOf = ({ rule }: Pick<ReprocessRun, 'rule'>): Rules => rule

const printOf = ({ offset, timestamp }: LogRecord, { entry, index }: Judged): Print => ({
  symbol: entry.s,
  price: entry.p,
  volume: entry.v,
  t: entry.t,
  offset,
  index,
  timestamp,
})

/** The row of `trades` of an entry. */
export function tradeRow(
  { offset, timestamp }: LogRecord,
  { entry, index }: Judged,
  rest: { partition: number; received: number | null; flags: readonly string[] },
): TradeRow {
  return {
    symbol: entry.s,
    hour: hourOf(entry.t),
    trade_ts: entry.t,
    log_partition: rest.partition,
    log_offset: offset,
    log_index: index,
    price: entry.p,
    volume: entry.v,
    conditions: (entry.c ?? []).filter((condition) => condition !== null).join(),
    received_ts: rest.received,
    ingested_ts: timestamp,
    flags: rest.flags.join(),
  }
}
