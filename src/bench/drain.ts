import { openArena } from './arena.ts'
import { loadSymbol } from './load.ts'
import { LOAD_SYMBOLS } from './paced.ts'
import type { PipelineBench } from './pipeline.ts'
import type { Probe, Prober } from './probe.ts'
import { cpuSeconds, peakMemory } from './process-cost.ts'
import { type Side, sideFailed, startLoad, startSide } from './side.ts'
import { countTrades } from './trades-table.ts'

const PER_RECORD = 10
/** The trades of the topic happened within so long (ms) before the start. */
const SPAN_MS = 60_000
/** Between the first trades and the load. */
const LEAD_MS = 1_000
const GIVE_UP_MS = 600_000
const POLL_MS = 20

/** One side with a full topic before it. */
export interface DrainResult {
  side: Side
  trades: number
  /** From the first readable row of any partition to the last row of every partition. */
  seconds: number
  trades_per_second: number
  /** From the start of the process to that first row. */
  first_row_seconds: number
  cpu_seconds: number
  max_rss_bytes: number
  rows: number
}

/**
 * Fills a topic, starts the side and waits until all is readable. A trade of a symbol of its own is the first and
 * another the last of every partition, and the clock runs between them: starting and joining do not count.
 */
export async function runDrain(side: Side, bench: PipelineBench): Promise<DrainResult> {
  const { settings, clock, signal, createTrades, preload } = bench
  const from = clock.now() - SPAN_MS - LEAD_MS
  const create = side === 'relay' ? createTrades : null
  await using arena = await openArena({ settings, name: `${bench.name}-${side}-max`, clock, createTrades: create })
  const { prober, client } = arena
  const { kafkaTopic: topic, cassandraKeyspace: keyspace, partitions } = arena.settings
  const appendAll = (at?: number) => Promise.all(prober.symbols.map((_, partition) => prober.append(partition, at)))
  // The oldest of all: a newer one would make the whole load late.
  const first = await appendAll(from)
  const records = Math.ceil(preload / PER_RECORD)
  {
    await using load = startLoad(
      { topic, partitions, symbols: LOAD_SYMBOLS, perRecord: PER_RECORD, rate: null, records, span: SPAN_MS },
      arena,
    )
    signal.addEventListener('abort', () => void load.finish().catch(() => {}), { once: true })
    await load.result()
  }
  signal.throwIfAborted()
  const last = await appendAll()

  const startedAt = Bun.nanoseconds()
  await using process_ = startSide(side, arena, bench.folder)
  const stop = AbortSignal.any([signal, process_.gone, AbortSignal.timeout(GIVE_UP_MS)])
  await anyReadable(first, prober, stop)
  const firstAt = Bun.nanoseconds()
  const cpu = cpuSeconds(process_.pid)
  for (const probe of last) await prober.latency(probe, stop, () => POLL_MS)
  const endedAt = Bun.nanoseconds()
  const spent = cpuSeconds(process_.pid) - cpu
  const peak = peakMemory(process_.pid)
  signal.throwIfAborted()
  if (stop.aborted) throw sideFailed(process_)
  const symbols = [...prober.symbols, ...Array.from({ length: LOAD_SYMBOLS }, (_, index) => loadSymbol(index))]
  const trades = records * PER_RECORD + prober.sent
  return {
    side,
    trades,
    seconds: (endedAt - firstAt) / 1e9,
    trades_per_second: trades / ((endedAt - firstAt) / 1e9),
    first_row_seconds: (firstAt - startedAt) / 1e9,
    cpu_seconds: spent,
    max_rss_bytes: peak,
    rows: await countTrades(client, keyspace, { symbols, from, to: clock.now() }),
  }
}

async function anyReadable(probes: readonly Probe[], prober: Prober, signal: AbortSignal): Promise<void> {
  const found = new AbortController()
  const asking = AbortSignal.any([signal, found.signal])
  const all = probes.map((probe) => prober.latency(probe, asking, () => POLL_MS))
  await Promise.race(all)
  found.abort()
  await Promise.all(all)
}
