import type { ReprocessRun } from '../stream/store/revisions.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'
import type { DeadLetterCheck } from './dead-letters.ts'
import { Fold, LateCollector, rulesOf } from './fold.ts'
import type { GapCheck } from './gap-check.ts'
import type { LatestCheck } from './latest-check.ts'
import type { Work } from './options.ts'
import type { Part } from './parts.ts'
import { PartitionWindows, type RunFold } from './partition-windows.ts'
import type { Patience } from './patience.ts'
import { recordsOf } from './read-log.ts'
import { KINDS } from './rules.ts'
import type { TradeCheck } from './trade-check.ts'
import { WindowCheck } from './window-check.ts'
import type { LatePrints } from './windows.ts'

/** So many finished windows are compared together. */
const MANY = 40_000
export interface Checks {
  runs: readonly ReprocessRun[]
  trades: TradeCheck
  letters: DeadLetterCheck
  latest: LatestCheck
  gaps: GapCheck
  patience: Patience
}

/** Folds a partition and compares its windows as they finish. Resolves to the symbols it met and from when on it judged. */
export async function checkWindows(
  work: Work,
  part: Part,
  { runs, trades, letters, latest, gaps, patience }: Checks,
): Promise<{ symbols: Iterable<string>; horizon: number }> {
  const { findings } = work
  const wanted = { symbols: work.symbols === null ? null : new Set(work.symbols) }
  const rules = { ...work.rules, ignoreMarks: false, includeLate: false }
  const base = new Fold({ rules, part, wanted })
  const runFolds = await foldsOf(work, part, runs)
  const windows = new PartitionWindows(base, runFolds, work.range)
  const check = new WindowCheck(work, part, patience)
  const all = new Set<string>()
  for await (const records of recordsOf({ ...work, ...part })) {
    for (const record of records) {
      const verdict = base.fold(record)
      windows.fold(record)
      if (verdict === null) continue
      if (verdict.isDuplicate) findings.duplicates++
      if (verdict.problem !== null) {
        if (verdict.entries.length === 0) findings.undecodable++
        letters.expect(part.partition, record.offset, verdict.problem)
      }
      for (const { entry } of verdict.entries) all.add(entry.s)
      latest.add(verdict, part)
      if (verdict.gap !== null) gaps.add(verdict.gap)
      trades.add(record, verdict, { partition: part.partition, judge: base.judge })
    }
    findings.records += records.length
    windows.close()
    const next = (records.at(-1)?.offset ?? 0) + 1
    work.progress({ records: findings.records, doing: `partition ${part.partition}` })
    if (windows.waiting > MANY) await check.compare(windows.ready(next))
  }
  trades.close(part, base.judge)
  await check.compare(windows.rest())
  await check.compareOpen()
  return { symbols: all, horizon: base.judge.horizon }
}

async function foldsOf(work: Work, part: Part, runs: readonly ReprocessRun[]): Promise<RunFold[]> {
  const folds: RunFold[] = []
  for (const run of runs) {
    const end = Math.min(run.ends[part.partition] ?? 0, part.end)
    if (end <= part.start) continue
    const wanted = { symbols: symbolsOf(work, run) }
    const rules = rulesOf(run)
    const lates = rules.includeLate ? await latePrints(work, { ...part, end }, run) : undefined
    folds.push({ run, end, fold: new Fold({ rules, part, wanted, end, ...(lates && { lates }) }) })
  }
  return folds
}

const symbolsOf = ({ symbols }: Work, run: ReprocessRun): ReadonlySet<string> | null => {
  if (symbols === null && run.symbols === null) return null
  return new Set((symbols ?? run.symbols ?? []).filter((symbol) => run.symbols?.includes(symbol) ?? true))
}

/** The late trades of a range, which a rule that counts them must know before they come. */
export async function latePrints(
  work: Pick<Work, 'broker' | 'topic' | 'signal'>,
  part: Part,
  run: Pick<ReprocessRun, 'rule' | 'from' | 'to' | 'symbols'>,
): Promise<LatePrints> {
  const wanted = { symbols: run.symbols === null ? null : new Set(run.symbols) }
  const rules = { ...run.rule, includeLate: false }
  const collector = new LateCollector({ rules, part, wanted, end: part.end }, run)
  for await (const records of recordsOf({ ...work, ...part })) for (const record of records) collector.read(record)
  return collector.prints()
}

/** Windows and candles of symbols that the log does not know at all. */
export async function checkUnknownSymbols(
  work: Work,
  parts: readonly Part[],
  { seen, patience }: { seen: { has(symbol: string): boolean }; patience: Patience },
): Promise<void> {
  const { range, store, symbols } = work
  const unknown = (await store.symbols()).filter((symbol) => !seen.has(symbol) && (symbols?.includes(symbol) ?? true))
  for (const symbol of unknown) {
    const part = parts[partitionOf(symbol, parts.length)]
    // Its trades may have left the log with the head of its partition.
    if (part === undefined || part.start > 0) continue
    const check = new WindowCheck(work, part, patience)
    const nothing = { candidates: new Map(), passed: Number.NEGATIVE_INFINITY, newest: -1 }
    await check.compare(KINDS.map((kind) => ({ group: { symbol, kind, ...range }, ...nothing })))
    await check.compareOpen()
  }
}
