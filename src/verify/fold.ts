import type { LogRecord } from '../stream/broker.ts'
import type { ReprocessRun } from '../stream/store/revisions.ts'
import { Judge, type Judged, type Verdict } from './judge.ts'
import type { Part } from './parts.ts'
import { latenessOf, type Rules } from './rules.ts'
import type { Print } from './sums.ts'
import { type Expected, type LatePrints, Windows } from './windows.ts'

/** Of what is folded, what is compared; null: all of it. */
export interface Wanted {
  symbols: ReadonlySet<string> | null
}

export interface FoldOptions {
  rules: Rules
  /** Where the log begins, and which windows the processor wrote. */
  part: Pick<Part, 'start' | 'from'>
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
  /** Where marked repeats count: by the usual rule, for a window that is still open there is not finished. */
  readonly #usual: Judge | null

  constructor({ rules, part, wanted, lates, end = Number.POSITIVE_INFINITY }: FoldOptions) {
    this.rules = rules
    this.judge = new Judge(rules, part)
    this.#usual = rules.ignoreMarks ? new Judge({ ...rules, ignoreMarks: false }, part) : null
    this.windows = new Windows(rules, this.#usual === null ? this.judge : both(this.judge, this.#usual), lates)
    this.#wanted = wanted
    this.#end = end
  }

  /** Null for a record beyond the end. */
  fold(record: LogRecord): Verdict | null {
    if (record.offset >= this.#end) return null
    const verdict = this.judge.judge(record)
    this.#usual?.judge(record)
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

type Bounds = Pick<Judge, 'watermark' | 'horizon'>

const both = (one: Bounds, other: Bounds): Bounds => ({
  get watermark() {
    return Math.min(one.watermark, other.watermark)
  },
  get horizon() {
    return Math.max(one.horizon, other.horizon)
  },
})

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
