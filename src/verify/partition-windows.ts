import type { LogRecord } from '../stream/broker.ts'
import type { ReprocessRun } from '../stream/store/revisions.ts'
import { type Candidate, type Group, timeOf } from './compare.ts'
import type { Fold } from './fold.ts'
import { KINDS, type Kind, lengthOf } from './rules.ts'
import type { Expected } from './windows.ts'

/** A reprocessing of the past, folded again beside the usual rule. */
export interface RunFold {
  run: ReprocessRun
  fold: Fold
  /** The first offset it did not read. */
  end: number
}

interface Pending {
  symbol: string
  kind: Kind
  base: Expected[]
  runs: Map<RunFold, Expected[]>
  /** Compared up to here (key time). */
  done: number
}

/** A stretch that is ready to be compared. */
export interface Ready {
  group: Group
  candidates: ReadonlyMap<number, Candidate>
  /** The watermark has passed what lies before (key time, inclusive). */
  passed: number
  /** Offset of the newest trade. */
  newest: number
}

/** Gathers the finished windows of one partition until they are worth a question to the store. */
export class PartitionWindows {
  readonly #base: Fold
  readonly #runs: readonly RunFold[]
  readonly #range: { from: number; to: number }
  readonly #pending = new Map<string, Pending>()
  #waiting = 0

  /** `range`: by key time, as `--from` and `--to`. */
  constructor(base: Fold, runs: readonly RunFold[], range: { from: number; to: number }) {
    this.#base = base
    this.#runs = runs
    this.#range = range
  }

  /** Windows that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** The symbols met so far. */
  get symbols(): ReadonlySet<string> {
    return new Set([this.#base, ...this.#runs.map(({ fold }) => fold)].flatMap(({ windows }) => windows.symbols))
  }

  /** To be called now and then, when `records` were folded by all. */
  close(): void {
    for (const expected of this.#base.close()) this.#of(expected).base.push(expected)
    for (const each of this.#runs) {
      for (const expected of each.fold.close()) {
        if (!covers(each.run, expected)) continue
        const { runs } = this.#of(expected)
        const rows = runs.get(each)
        if (rows === undefined) runs.set(each, [expected])
        else rows.push(expected)
      }
    }
  }

  /** Hands the record to the runs that read that far. */
  fold(record: LogRecord): void {
    for (const { fold } of this.#runs) fold.fold(record)
  }

  /** What every fold has finished. `next`: the offset to be folded next. */
  *ready(next: number): Generator<Ready, void> {
    const frontier = Math.min(
      this.#base.judge.watermark,
      ...this.#runs.filter(({ end }) => next < end).map(({ fold }) => fold.judge.watermark),
    )
    for (const pending of this.#pending.values())
      yield* this.#take(pending, lastTime(pending.kind, frontier, this.#base))
  }

  /** All the rest, what is still open included. */
  *rest(): Generator<Ready, void> {
    for (const expected of this.#base.windows.rest()) this.#of(expected).base.push(expected)
    for (const symbol of this.symbols) for (const kind of KINDS) this.#of({ symbol, kind })
    for (const pending of this.#pending.values()) yield* this.#take(pending, Number.POSITIVE_INFINITY)
  }

  *#take(pending: Pending, last: number): Generator<Ready, void> {
    const { symbol, kind } = pending
    const isDue = (row: Expected) => timeOf(row) <= last
    const base = pending.base.filter(isDue)
    pending.base = pending.base.filter((row) => !isDue(row))
    const runs = [...pending.runs].map(([each, rows]) => [each, rows.filter(isDue)] as const)
    for (const [each, rows] of pending.runs)
      pending.runs.set(
        each,
        rows.filter((row) => !isDue(row)),
      )
    this.#waiting -= base.length + runs.reduce((sum, [, rows]) => sum + rows.length, 0)
    const from = Math.max(pending.done, this.#range.from, this.#first(kind))
    const to = Math.min(last + 1, this.#range.to)
    if (last >= pending.done) pending.done = last + 1
    if (from >= to) return
    const candidates = merged(base, runs)
    for (const time of candidates.keys()) if (time < from || time >= to) candidates.delete(time)
    const passed = lastTime(kind, this.#base.judge.watermark, this.#base)
    yield { group: { symbol, kind, from, to }, candidates, passed, newest: this.#base.windows.newest }
  }

  /** The key time of the first window that can be judged. */
  #first(kind: Kind): number {
    const { horizon } = this.#base.judge
    return kind === 'window' ? horizon + this.#base.rules.window : horizon
  }

  #of({ symbol, kind }: { symbol: string; kind: Kind } | Expected): Pending {
    this.#waiting++
    const key = `${kind} ${symbol}`
    let pending = this.#pending.get(key)
    if (pending === undefined) {
      pending = { symbol, kind, base: [], runs: new Map(), done: Number.NEGATIVE_INFINITY }
      this.#pending.set(key, pending)
    }
    return pending
  }
}

/** The key time of the last window that a watermark has passed. */
const lastTime = (kind: Kind, watermark: number, { rules }: Fold): number =>
  kind === 'window' ? watermark : watermark - lengthOf(kind, rules)

export const covers = (
  { from, to, symbols }: Pick<ReprocessRun, 'from' | 'to' | 'symbols'>,
  { symbol, start, end }: Pick<Expected, 'symbol' | 'start' | 'end'>,
): boolean => start >= from && end <= to && (symbols?.includes(symbol) ?? true)

/** What the last reprocessing of each window made of it, or else the usual rule. */
function merged(
  base: readonly Expected[],
  runs: readonly (readonly [RunFold, readonly Expected[]])[],
): Map<number, Candidate> {
  const candidates = new Map<number, Candidate>(
    base.map((expected) => [timeOf(expected), { expected, others: [], isCovered: false, isOptional: false }]),
  )
  for (const [{ run }, rows] of runs)
    for (const expected of rows) {
      const time = timeOf(expected)
      const before = candidates.get(time)
      if (run.rows !== null || before === undefined)
        candidates.set(time, { expected, others: [], isCovered: true, isOptional: run.rows === null })
      else candidates.set(time, { ...before, others: [...before.others, expected.values], isCovered: true })
    }
  return candidates
}
