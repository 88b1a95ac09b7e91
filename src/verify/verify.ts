import type { ReprocessRun } from '../stream/store/revisions.ts'
import { DeadLetterCheck } from './dead-letters.ts'
import { GapCheck } from './gap-check.ts'
import { LatestCheck } from './latest-check.ts'
import type { VerifyOptions, Work } from './options.ts'
import { partitionsOf, type Part } from './parts.ts'
import { Patience } from './patience.ts'
import { checkWindows, checkUnknownSymbols } from './check-windows.ts'
import { Findings, type Report } from './report.ts'
import { TradeCheck } from './trade-check.ts'

/**
 * Recomputes everything from the log by the published rules and compares it with the store: trades and late trades by
 * their ids, windows and candles row by row. In constant memory: windows are compared when the watermark has passed
 * them, trades by sums over stretches of the log. Throws only when something cannot be read.
 */
export async function verify(options: VerifyOptions & { limit: number }): Promise<Report> {
  const findings = new Findings(options.limit)
  let total = 0
  const work: Work = { ...options, findings, progress: (progress) => options.progress({ ...progress, total }) }
  const parts = await partitionsOf(work, new Patience(options.wait, options))
  noteUnprocessed(findings)
  const patience = new Patience(options.wait, options)
  total = parts.reduce((sum, { start, end }) => sum + end - start, 0)
  const allRuns = await options.store.runs()
  const runs = relevant(allRuns)
  noteRuns(runs, findings)
  const trades = new TradeCheck(work, allRuns)
  const letters = new DeadLetterCheck(work)
  const latest = new LatestCheck(work)
  const gaps = new GapCheck(work)
  const seen = new Map<string, number>()
  for (const [at, begun] of parts.entries()) {
    const part = (parts[at] = await withoutRemoved(work, begun))
    const { symbols, horizon } = await checkWindows(work, part, { runs, trades, letters, latest, gaps, patience })
    for (const symbol of symbols) {
      const before = seen.get(symbol)
      if (before !== undefined) findings.notes.push(inTwo(symbol, before, part.partition))
      seen.set(symbol, part.partition)
    }
    noteHorizon(part, horizon, findings)
  }
  await checkUnknownSymbols(work, parts, { seen, patience })
  await trades.compare(parts, patience)
  await latest.compare(patience)
  await gaps.compare(parts, patience)
  await letters.compare()
  return findings.report()
}

/** Retention goes on while others are read. */
async function withoutRemoved({ broker, topic }: Work, part: Part): Promise<Part> {
  const start = Math.max(part.start, (await broker.bounds(topic))[part.partition]?.start ?? 0)
  return { ...part, start, end: Math.max(start, part.end) }
}

const inTwo = (symbol: string, one: number, other: number): string =>
  `${symbol} is in partitions ${one} and ${other}: of each of its windows only one of the two is stored, so differences there are no surprise`

/** Without those that a later one repeated as a whole, with a row for each of theirs: rows are never removed. */
function relevant(runs: readonly ReprocessRun[]): ReprocessRun[] {
  const isRepeatedBy = (run: ReprocessRun, later: ReprocessRun): boolean =>
    later.rows !== null &&
    (later.rule.ignoreMarks || !run.rule.ignoreMarks) &&
    (later.rule.includeLate || !run.rule.includeLate) &&
    later.from <= run.from &&
    later.to >= run.to &&
    (later.symbols === null || (run.symbols?.every((symbol) => later.symbols?.includes(symbol)) ?? false)) &&
    run.ends.every((end, partition) => (later.ends[partition] ?? 0) >= end)
  return runs.filter((run, at) => !runs.slice(at + 1).some((later) => isRepeatedBy(run, later)))
}

function noteUnprocessed({ unprocessed, notes }: Findings): void {
  if (unprocessed > 0)
    notes.push(
      `${unprocessed.toLocaleString('en')} records are not committed as processed, and were left out: is a processor running?`,
    )
}

function noteRuns(runs: readonly ReprocessRun[], { notes }: Findings): void {
  for (const { id, from, to, rows } of runs)
    if (rows === null)
      notes.push(
        `the reprocessing ${id} of ${time(from)} to ${time(to)} was cut short: rows with and without it are taken for right; run it again`,
      )
}

function noteHorizon({ partition, start }: Part, horizon: number, { notes }: Findings): void {
  if (start === 0) return
  const since = Number.isFinite(horizon) ? `windows that start before ${time(horizon)}` : 'its windows'
  notes.push(`partition ${partition} begins at offset ${start}: what was before, and ${since}, could not be judged`)
}

const time = (ms: number): string =>
  Number.isFinite(ms) && Math.abs(ms) < 8e15 ? new Date(ms).toISOString() : String(ms)
