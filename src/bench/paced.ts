import { type Arena, openArena } from './arena.ts'
import { type Latency, latencyOf } from './figures.ts'
import { loadSymbol, type LoadReport } from './load.ts'
import type { PipelineBench } from './pipeline.ts'
import { cpuSeconds, peakMemory } from './process-cost.ts'
import { type Side, sideFailed, startLoad, startSide, warmUp } from './side.ts'
import { countTrades } from './trades-table.ts'

export const LOAD_SYMBOLS = 50
/** The load runs for so long before anything is measured. */
const SETTLE_MS = 3_000
const PROBE_EVERY_MS = 100
const GIVE_UP_MS = 60_000

/** One side at one rate. */
export interface PacedResult {
  side: Side
  /** Trades per second asked for, and how many the load appended. */
  rate: number
  per_record: number
  appended_per_second: number
  /** The furthest (ms) that the load fell behind its plan. */
  load_behind_ms: number
  latency_ms: Latency
  probes: number
  /** Probes that never became readable; their latency is that of giving up. */
  unreadable: number
  /** Of the process, while it was measured. */
  cpu_seconds: number
  measured_seconds: number
  /** Of the process, since its start. */
  max_rss_bytes: number
  /** Trades appended, and rows of them in the table at the end. */
  trades: number
  rows: number
}

export const perRecordAt = (rate: number): number => (rate >= 10_000 ? 10 : 1)

/** Appends at a rate and measures how long single trades take to become readable rows. */
export async function runPaced(side: Side, rate: number, bench: PipelineBench): Promise<PacedResult> {
  const { settings, clock, signal, seconds, createTrades } = bench
  const from = clock.now()
  const create = side === 'relay' ? createTrades : null
  await using arena = await openArena({ settings, name: `${bench.name}-${side}-${rate}`, clock, createTrades: create })
  const { prober, client } = arena
  const { kafkaTopic: topic, cassandraKeyspace: keyspace, partitions } = arena.settings
  await using process_ = startSide(side, arena, bench.folder)
  await warmUp(process_, arena, signal)
  const perRecord = perRecordAt(rate)
  const plan = { topic, partitions, symbols: LOAD_SYMBOLS, perRecord, rate, records: null, span: 0 }
  await using load = startLoad(plan, arena)
  const gone = AbortSignal.any([signal, process_.gone])
  const stop = AbortSignal.any([gone, load.gone])
  await clock.sleep(SETTLE_MS, stop)

  const cpu = cpuSeconds(process_.pid)
  const measuredFrom = Bun.nanoseconds()
  const waits = await appendProbes(bench, arena, { stop, gone })
  const spent = cpuSeconds(process_.pid) - cpu
  const measured = (Bun.nanoseconds() - measuredFrom) / 1e9
  const report = JSON.parse(await load.finish()) as LoadReport
  const { latencies, unreadable } = await found(waits)
  signal.throwIfAborted()
  if (process_.gone.aborted) throw sideFailed(process_)
  const isThrough = await prober.isThrough(AbortSignal.any([gone, AbortSignal.timeout(GIVE_UP_MS)]))
  if (!isThrough) bench.note(`${side}: not everything was readable ${GIVE_UP_MS / 1_000} s after the load ended`)
  const symbols = [...prober.symbols, ...Array.from({ length: LOAD_SYMBOLS }, (_, index) => loadSymbol(index))]
  return {
    side,
    rate,
    per_record: perRecord,
    appended_per_second: report.trades / report.seconds,
    load_behind_ms: report.behind,
    latency_ms: latencyOf(latencies),
    probes: Math.round((seconds * 1_000) / PROBE_EVERY_MS),
    unreadable,
    cpu_seconds: spent,
    measured_seconds: measured,
    max_rss_bytes: peakMemory(process_.pid),
    trades: report.trades + prober.sent,
    rows: await countTrades(client, keyspace, { symbols, from, to: clock.now() }),
  }
}

interface Ends {
  /** No more probes are appended. */
  stop: AbortSignal
  /** Nobody is there who would store them. */
  gone: AbortSignal
}

/** A probe every 100 ms, over all partitions in turn; each is asked for until it is there or nobody waits any more. */
async function appendProbes({ clock, seconds }: PipelineBench, { prober, settings }: Arena, { stop, gone }: Ends) {
  const limit = AbortSignal.any([gone, AbortSignal.timeout(seconds * 1_000 + GIVE_UP_MS)])
  const waits: Promise<number | null>[] = []
  const startedAt = Bun.nanoseconds()
  for (let n = 0; n < (seconds * 1_000) / PROBE_EVERY_MS && !stop.aborted; n++) {
    const due = n * PROBE_EVERY_MS - (Bun.nanoseconds() - startedAt) / 1e6
    if (due > 0) await clock.sleep(due, stop)
    waits.push(prober.append(n % settings.partitions).then((sent) => prober.latency(sent, limit)))
  }
  const left = seconds * 1_000 - (Bun.nanoseconds() - startedAt) / 1e6
  if (left > 0) await clock.sleep(left, stop)
  return waits
}

async function found(waits: readonly Promise<number | null>[]) {
  const latencies = await Promise.all(waits)
  return {
    latencies: latencies.map((latency) => latency ?? GIVE_UP_MS),
    unreadable: latencies.filter((latency) => latency === null).length,
  }
}
