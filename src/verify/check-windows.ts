import type { ReprocessRun } from '../stream/store/revisions.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'
import { compareGroup, type Comparison, type Mismatch } from './compare.ts'
import type { DeadLetterCheck } from './dead-letters.ts'
import { Fold, LateCollector, rulesOf } from './fold.ts'
import type { Work } from './options.ts'
import { isGrowing, type Part } from './parts.ts'
import { PartitionWindows, type Ready, type RunFold } from './partition-windows.ts'
import type { Patience } from './patience.ts'
import { recordsOf } from './read-log.ts'
import { KINDS } from './rules.ts'
import type { TradeCheck } from './trade-check.ts'
import type { LatePrints } from './windows.ts'

/** So many finished windows are compared together. */
const MANY = 40_000
/** A row is removed this much (ms) after its time at the earliest, and not just when its time has come. */
const SLACK_MS = 3_600_000

export interface Checks {
  runs: readonly ReprocessRun[]
  trades: TradeCheck
  letters: DeadLetterCheck
  patience: Patience
}

/** Folds a partition and compares its windows as they finish. Resolves to the symbols it met and from when on it judged. */
export async function checkWindows(
  work: Work,
  part: Part,
  { runs, trades, letters, patience }: Checks,
): Promise<{ symbols: Iterable<string>; horizon: number }> {
  const { findings } = work
  const wanted = { symbols: work.symbols === null ? null : new Set(work.symbols) }
  const isTruncated = part.start > 0
  const rules = { ...work.rules, ignoreMarks: false, includeLate: false }
  const base = new Fold({ rules, isTruncated, wanted })
  const runFolds = await foldsOf(work, part, runs)
  const windows = new PartitionWindows(base, runFolds, work.range)
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
      trades.add(record, verdict, { partition: part.partition, judge: base.judge })
    }
    findings.records += records.length
    windows.close()
    const next = (records.at(-1)?.offset ?? 0) + 1
    work.progress({ records: findings.records, doing: `partition ${part.partition}` })
    if (windows.waiting > MANY) await compareAll(work, windows.ready(next), { isGrowing: false, patience })
  }
  trades.close(part, base.judge)
  await compareAll(work, windows.rest(), { isGrowing: await isGrowing(work, part), patience })
  return { symbols: all, horizon: base.judge.horizon }
}

async function foldsOf(work: Work, part: Part, runs: readonly ReprocessRun[]): Promise<RunFold[]> {
  const isTruncated = part.start > 0
  const folds: RunFold[] = []
  for (const run of runs) {
    const end = Math.min(run.ends[part.partition] ?? 0, part.end)
    if (end <= part.start) continue
    const wanted = { symbols: symbolsOf(work, run) }
    const rules = rulesOf(run)
    const lates = rules.includeLate ? await latePrints(work, { ...part, end }, run) : undefined
    folds.push({ run, end, fold: new Fold({ rules, isTruncated, wanted, end, ...(lates && { lates }) }) })
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
  const collector = new LateCollector({ rules, isTruncated: part.start > 0, wanted, end: part.end }, run)
  for await (const records of recordsOf({ ...work, ...part })) for (const record of records) collector.read(record)
  return collector.prints()
}

async function compareAll(
  work: Work,
  groups: Iterable<Ready>,
  { isGrowing, patience }: { isGrowing: boolean; patience: Patience },
): Promise<void> {
  for (const ready of groups) {
    if (work.signal.aborted) return
    const compare = () => compareReady(work, ready, isGrowing)
    let comparison = await compare()
    while (comparison.mismatches.length > 0 && (await patience.again())) comparison = await compare()
    tell(work, ready, comparison)
    if (work.api !== null) await work.api.compare(work, ready.group, comparison.rows)
  }
}

function compareReady(work: Work, { group, candidates, passed }: Ready, isGrowing: boolean): Promise<Comparison> {
  const { tradesMs, candlesMs } = work.retention
  const kept = group.kind === '1s' ? tradesMs : candlesMs
  const expiredBefore = kept === null ? Number.NEGATIVE_INFINITY : work.clock.now() - kept + SLACK_MS
  return compareGroup(work.store, group, { candidates, passed, isGrowing, expiredBefore, keepRows: work.api !== null })
}

function tell({ findings }: Work, { group }: Pick<Ready, 'group'>, { compared, mismatches }: Comparison): void {
  const kind = group.kind === 'window' ? 'window' : 'candle'
  findings.compared(kind, compared)
  for (const mismatch of mismatches)
    for (const column of mismatch.columns) findings.add({ kind, key: keyOf(group, mismatch), ...column })
}

const keyOf = ({ symbol, kind }: Ready['group'], { time }: Mismatch): string =>
  kind === 'window' ? `${symbol} ${time}` : `${symbol} ${kind} ${time}`

/** Windows and candles of symbols that the log does not know at all. */
export async function checkUnknownSymbols(
  work: Work,
  parts: readonly Part[],
  seen: { has(symbol: string): boolean },
): Promise<void> {
  const { range, store, symbols } = work
  const unknown = (await store.symbols()).filter((symbol) => !seen.has(symbol) && (symbols?.includes(symbol) ?? true))
  for (const symbol of unknown) {
    const part = parts[partitionOf(symbol, parts.length)]
    // Its trades may have left the log with the head of its partition, or come after what was read of it.
    if (part === undefined || part.start > 0 || (await isGrowing(work, part))) continue
    for (const kind of KINDS) {
      const group = { symbol, kind, ...range }
      const ready = { group, candidates: new Map(), passed: Number.POSITIVE_INFINITY }
      tell(work, ready, await compareReady(work, ready, false))
    }
  }
}
