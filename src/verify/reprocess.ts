import { StockpipeError } from '../errors.ts'
import type { ReprocessRule, ReprocessRun, RevisableStore } from '../stream/store/revisions.ts'
import { latePrints } from './check-windows.ts'
import { compareGroup } from './compare.ts'
import { tradeRow } from './expected-rows.ts'
import { Fold } from './fold.ts'
import type { Judged } from './judge.ts'
import type { Progress, VerifyOptions } from './options.ts'
import { type Part, partitionsOf } from './parts.ts'
import { PartitionWindows, type Ready } from './partition-windows.ts'
import { Patience } from './patience.ts'
import { recordsOf } from './read-log.ts'
import { Findings } from './report.ts'
import { RevisionWriter, type WriterOptions } from './revision-writer.ts'

/** So many finished windows are compared together. */
const MANY = 40_000

export interface ReprocessOptions
  extends WriterOptions, Pick<VerifyOptions, 'broker' | 'topic' | 'committed' | 'signal'> {
  store: Pick<RevisableStore, 'read' | 'revise' | 'recordRun' | 'durability'>
  rule: ReprocessRule
  /** Windows that lie wholly in `[from, to)` are revised, unix ms. */
  from: number
  to: number
  /** Null: all. */
  symbols: readonly string[] | null
  progress: (progress: Progress & { total: number }) => void
}

export interface Reprocessed {
  /** Of the run, as the store keeps it; null where nothing had to be written. */
  id: string | null
  records: number
  /** Rows that were not what the rule gives, and were written anew. */
  windows: number
  candles: number
  /** Marked repeats that were not in `trades` yet. */
  repeats: number
  /** Rows in the range for which the rule gives nothing: they stay, for rows are never removed. */
  unknown: number
  isDone: boolean
}

/**
 * Folds the log again by a rule and writes what is stored otherwise anew, as the next revision: only windows that the
 * watermark has closed by what is committed, so none that a running processor has open. Throws `store-restarted` where a
 * server may have lost some of it; then, and whenever it is cut short, it can simply be run again.
 */
export async function reprocess(options: ReprocessOptions): Promise<Reprocessed> {
  const { rule, store, signal } = options
  const tell = (total: number) => (shown: Progress) => options.progress({ ...shown, total })
  const work = { ...options, rules: rule, findings: new Findings(0), progress: tell(0) }
  const parts = await partitionsOf(work, new Patience(0, options))
  const total = parts.reduce((sum, { start, end }) => sum + end - start, 0)
  const run = { ...runOf(options), ends: parts.map(({ end }) => end) }
  const generation = await store.durability?.generation()
  const writer = new RevisionWriter(options, run)
  for (const part of parts) await revisePart(options, part, { run, writer, progress: tell(total) })
  await writer.flush()
  if (signal.aborted) return { ...writer.counts, isDone: false }
  if (generation !== undefined && writer.id !== null) await confirmDurable(options, generation)
  await writer.finish()
  return { ...writer.counts, isDone: !options.isDryRun }
}

const runOf = ({ from, to, symbols, rule, clock }: ReprocessOptions): Omit<ReprocessRun, 'ends'> => ({
  id: crypto.randomUUID(),
  at: clock.now(),
  from,
  to,
  symbols,
  rule,
  rows: null,
})

async function confirmDurable({ store, clock, signal }: ReprocessOptions, generation: string): Promise<void> {
  const { durability } = store
  if (durability === null) return
  await clock.sleep(await durability.lagMs(), signal)
  if ((await durability.generation()) === generation) return
  throw new StockpipeError('store-restarted', 'a server of the store began anew meanwhile', {
    why: 'it may have lost rows that it had acknowledged',
    hint: 'run it again',
  })
}

async function revisePart(
  options: ReprocessOptions,
  part: Part,
  { run, writer, progress }: { run: ReprocessRun; writer: RevisionWriter; progress: (progress: Progress) => void },
): Promise<void> {
  const { rule, symbols, from, to } = options
  const wanted = { symbols: symbols === null ? null : new Set(symbols) }
  const base = new Fold({ rules: { ...rule, ignoreMarks: false, includeLate: false }, part, wanted })
  const lates = rule.includeLate ? await latePrints(options, part, run) : undefined
  const fold = new Fold({ rules: rule, part, wanted, ...(lates && { lates }) })
  const windows = new PartitionWindows(base, [{ run: { ...run, rows: 0 }, fold, end: part.end }], { from, to })
  for await (const records of recordsOf({ ...options, ...part })) {
    for (const record of records) {
      const verdict = base.fold(record)
      windows.fold(record)
      if (!rule.ignoreMarks || verdict === null) continue
      for (const judged of verdict.entries)
        if (isWantedRepeat(judged, options))
          await writer.repeat(
            tradeRow(record, judged, { partition: part.partition, received: verdict.received, flags: ['repeat'] }),
          )
    }
    writer.counts.records += records.length
    windows.close()
    const next = (records.at(-1)?.offset ?? 0) + 1
    progress({ records: writer.counts.records, doing: `partition ${part.partition}, ${writer.rows} rows revised` })
    if (windows.waiting > MANY) await reviseAll(options, windows.ready(next), writer)
  }
  await reviseAll(options, windows.rest(), writer)
}

const isWantedRepeat = ({ what, isMarked, entry }: Judged, { from, to, symbols }: ReprocessOptions): boolean =>
  what === 'repeat' &&
  isMarked &&
  entry.v > 0 &&
  entry.t >= from &&
  entry.t < to &&
  (symbols?.includes(entry.s) ?? true)

async function reviseAll(options: ReprocessOptions, groups: Iterable<Ready>, writer: RevisionWriter): Promise<void> {
  for (const { group, candidates, passed, newest } of groups) {
    if (options.signal.aborted) return
    const covered = new Map([...candidates].filter(([, { isCovered }]) => isCovered))
    const settings = { candidates: covered, passed, newest, expiredBefore: Number.NEGATIVE_INFINITY }
    const { mismatches } = await compareGroup(options.store, group, settings)
    for (const { time, candidate } of mismatches) {
      if (candidate !== null) await writer.revise(candidate.expected)
      // What is not covered is of no concern here.
      else if (!candidates.has(time)) writer.counts.unknown++
    }
  }
}
