import type { DrainResult } from './drain.ts'
import { loadWords, type MachineLoad, millis, table, times, whole } from './figures.ts'
import { LOAD_SYMBOLS, type PacedResult } from './paced.ts'
import type { BenchReport } from './report.ts'
import type { Side } from './side.ts'

export interface PipelineResults {
  before: MachineLoad
  after: MachineLoad
  paced: readonly PacedResult[]
  drained: readonly DrainResult[]
}

interface Measured {
  seconds: number
  settings: { partitions: number }
}

export function pipelineReport({ seconds, settings }: Measured, results: PipelineResults): BenchReport {
  const { before, after, paced, drained } = results
  const text = [
    `append acknowledged -> row readable, ms; ${seconds} s each, ${LOAD_SYMBOLS} symbols, ${settings.partitions} partitions, a probe every 100 ms, asked for every 2 ms (4 % of its age when it is late)`,
    `before: ${loadWords(before)}; after: ${loadWords(after)}`,
    ...(paced.length === 0 ? [] : ['', pacedTable(paced)]),
    ...(drained.length === 0 ? [] : ['', drainTable(drained)]),
    ...shortcomings(results),
  ]
  return { text: text.join('\n'), json: { before, after, paced, highest: drained, ratios: ratios(results) } }
}

function pacedTable(paced: readonly PacedResult[]): string {
  const rows = [['trades/s', 'side', 'p50', 'p90', 'p99', 'max', 'CPU s', 'max RSS', 'rows']]
  for (const { rate, side, latency_ms: ms, cpu_seconds: cpu, max_rss_bytes: rss, rows: count, trades } of paced)
    rows.push([
      whole(rate),
      side,
      ...[ms.p50, ms.p90, ms.p99, ms.max].map(millis),
      cpu.toFixed(1),
      megabytes(rss),
      count === trades ? whole(count) : `${whole(count)} of ${whole(trades)}`,
    ])
  for (const { rate, p50, p99, cpu } of ratios({ paced }).paced)
    rows.push([whole(rate), 'stockpipe : relay', times(p50), '', times(p99), '', times(cpu), '', ''])
  return table(rows)
}

function drainTable(drained: readonly DrainResult[]): string {
  const rows = [['highest rate', 'trades/s', 'seconds', 'CPU s', 'max RSS', 'rows']]
  for (const {
    side,
    trades_per_second: rate,
    seconds,
    cpu_seconds: cpu,
    max_rss_bytes: rss,
    rows: count,
    trades,
  } of drained)
    rows.push([
      side,
      whole(rate),
      seconds.toFixed(1),
      cpu.toFixed(1),
      megabytes(rss),
      count === trades ? whole(count) : `${whole(count)} of ${whole(trades)}`,
    ])
  const { highest } = ratios({ paced: [], drained })
  if (highest !== null) rows.push(['stockpipe : relay', times(highest), '', '', '', ''])
  return table(rows)
}

/** Stockpipe's figure by the relay's, where both were measured. */
function ratios({ paced, drained = [] }: Pick<PipelineResults, 'paced'> & Partial<Pick<PipelineResults, 'drained'>>) {
  const of = <Result extends { side: Side }>(results: readonly Result[], side: Side) =>
    results.find((result) => result.side === side)
  const rates = [...new Set(paced.map(({ rate }) => rate))]
  const pairs = rates.flatMap((rate) => {
    const here = paced.filter((result) => result.rate === rate)
    const [ours, theirs] = [of(here, 'stockpipe'), of(here, 'relay')]
    if (ours === undefined || theirs === undefined) return []
    const p50 = ours.latency_ms.p50 / theirs.latency_ms.p50
    const p99 = ours.latency_ms.p99 / theirs.latency_ms.p99
    return [{ rate, p50, p99, cpu: ours.cpu_seconds / theirs.cpu_seconds }]
  })
  const [ours, theirs] = [of(drained, 'stockpipe'), of(drained, 'relay')]
  const highest = ours === undefined || theirs === undefined ? null : ours.trades_per_second / theirs.trades_per_second
  return { paced: pairs, highest }
}

/** What makes a figure doubtful is said beside it. */
function shortcomings({ paced, drained }: PipelineResults): string[] {
  const lines: string[] = []
  for (const { side, rate, unreadable, probes, appended_per_second: appended, load_behind_ms: behind } of paced) {
    if (unreadable > 0) lines.push(`${side} at ${whole(rate)}: ${unreadable} of ${probes} probes never became readable`)
    if (appended < rate * LEAST_SHARE)
      lines.push(`${side} at ${whole(rate)}: the load reached only ${whole(appended)} trades/s`)
    if (behind > MOST_BEHIND_MS)
      lines.push(
        `${side} at ${whole(rate)}: the load fell up to ${(behind / 1_000).toFixed(1)} s behind and made up for it`,
      )
  }
  for (const { side, rows, trades } of [...paced, ...drained])
    if (rows !== trades) lines.push(`${side}: ${whole(trades)} trades appended, ${whole(rows)} rows in the table`)
  return lines.length === 0 ? [] : ['', ...lines]
}
const LEAST_SHARE = 0.95
const MOST_BEHIND_MS = 500

const megabytes = (bytes: number): string => (Number.isNaN(bytes) ? '-' : `${(bytes / 1e6).toFixed(0)} MB`)
