import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { keyspaceOf } from './arena.ts'
import { type DrainResult, runDrain } from './drain.ts'
import { loadWords, type MachineLoad, machineLoad, millis, table, times, whole } from './figures.ts'
import { ownTradesTable, type TradesTable } from './own-table.ts'
import { type PacedResult, runPaced } from './paced.ts'
import type { BenchReport } from './report.ts'
import { settleServers } from './servers.ts'
import type { Side } from './side.ts'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'
import type { Store } from '../stream/store.ts'

export interface PipelineBenchOptions {
  settings: Settings
  clock: Clock
  /** Aborts the bench; what it made on the servers is removed before it rejects. */
  signal: AbortSignal
  /** Tells a person what goes on. */
  note: (text: string) => void
  sides: readonly Side[]
  /** Trades per second. */
  rates: readonly number[]
  /** For how long each side is measured at each rate. */
  seconds: number
  /** Trades in the topic for the highest rate; 0: not measured. */
  preload: number
  /** The store of the pipeline in the keyspace of the settings: the relay's table is made as its table is. */
  openStore: (settings: Settings) => Promise<Store>
}

/** What every part of one bench shares. */
export interface PipelineBench extends Omit<PipelineBenchOptions, 'openStore'> {
  /** What the names of topics, groups and keyspaces begin with. */
  name: string
  /** For files of the processes. */
  folder: string
  createTrades: TradesTable
}

const WARM_UP_RATE = 5_000
const WARM_UP_SECONDS = 5

interface Results {
  before: MachineLoad
  after: MachineLoad
  paced: readonly PacedResult[]
  drained: readonly DrainResult[]
}

/**
 * From the log's acknowledgement of an append to the row being readable in the table, for the processor and for a
 * bare relay, on the same servers with the same load: latency at each rate, then the highest rate.
 */
export async function benchPipeline({ openStore, ...options }: PipelineBenchOptions): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-bench-'))
  try {
    const settings: Settings = { ...(await settleServers(options.settings)), avroFraming: 'raw' }
    const name = `bench-${options.clock.now().toString(36)}`
    const schema = { ...settings, cassandraKeyspace: keyspaceOf(`${name}-schema`) }
    const createTrades = await ownTradesTable({ settings: schema, open: openStore })
    const bench: PipelineBench = { ...options, settings, name, folder, createTrades }
    return report(bench, await measure(bench))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(bench: PipelineBench): Promise<Results> {
  const { rates, sides, note, preload } = bench
  const before = machineLoad()
  note(`warm-up; ${loadWords(before)}`)
  const [warmest = 'relay'] = sides
  if (rates.length > 0)
    await runPaced(warmest, WARM_UP_RATE, { ...bench, name: `${bench.name}-w`, seconds: WARM_UP_SECONDS })
  const paced: PacedResult[] = []
  for (const [turn, rate] of rates.entries())
    for (const side of inTurn(sides, turn)) {
      note(`${side} at ${whole(rate)} trades/s`)
      paced.push(await runPaced(side, rate, bench))
    }
  const drained: DrainResult[] = []
  for (const side of preload > 0 ? inTurn(sides, rates.length) : []) {
    note(`${side} through ${whole(preload)} trades`)
    drained.push(await runDrain(side, bench))
  }
  return { before, after: machineLoad(), paced, drained }
}

/** The sides change places from turn to turn, so that neither always finds the warmer server. */
const inTurn = (sides: readonly Side[], turn: number): readonly Side[] => (turn % 2 === 0 ? sides : sides.toReversed())

function report(bench: PipelineBench, results: Results): BenchReport {
  const { before, after, paced, drained } = results
  const text = [
    `append acknowledged -> row readable, ms; ${bench.seconds} s each, 50 symbols, ${bench.settings.partitions} partitions, a probe every 100 ms`,
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
function ratios({ paced, drained = [] }: Pick<Results, 'paced'> & Partial<Pick<Results, 'drained'>>) {
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
function shortcomings({ paced, drained }: Results): string[] {
  const lines: string[] = []
  for (const { side, rate, unreadable, probes, appended_per_second: appended } of paced) {
    if (unreadable > 0) lines.push(`${side} at ${whole(rate)}: ${unreadable} of ${probes} probes never became readable`)
    if (appended < rate * LEAST_SHARE)
      lines.push(`${side} at ${whole(rate)}: the load reached only ${whole(appended)} trades/s`)
  }
  for (const { side, rows, trades } of [...paced, ...drained])
    if (rows !== trades) lines.push(`${side}: ${whole(trades)} trades appended, ${whole(rows)} rows in the table`)
  return lines.length === 0 ? [] : ['', ...lines]
}
const LEAST_SHARE = 0.95

const megabytes = (bytes: number): string => (Number.isNaN(bytes) ? '-' : `${(bytes / 1e6).toFixed(0)} MB`)
