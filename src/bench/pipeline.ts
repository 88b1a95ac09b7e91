import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { keyspaceOf } from './arena.ts'
import { type DrainResult, runDrain } from './drain.ts'
import { inTurn, loadWords, machineLoad, whole } from './figures.ts'
import { pipelineReport, type PipelineResults } from './pipeline-report.ts'
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
    return pipelineReport(bench, await measure(bench))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(bench: PipelineBench): Promise<PipelineResults> {
  const { rates, sides, note, preload } = bench
  const before = machineLoad()
  note(`warm-up; ${loadWords(before)}`)
  for (const side of rates.length > 0 ? sides : [])
    await runPaced(side, WARM_UP_RATE, { ...bench, name: `${bench.name}-w`, seconds: WARM_UP_SECONDS })
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
