import { memoryStore } from '../../test/memory.ts'
import type { Assignment, Batch, Bounds, Broker, Commit, NewRecord } from './broker.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { localLive } from './live.ts'
import { Observer } from './observer.ts'
import { Outlet, type ProcessorOptions } from './outlet.ts'
import type { Durability } from './store.ts'
import { runProcessor } from './stream.ts'
import { manualClock } from '../clock.ts'
import { PipelineStats } from '../stats.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

export const START = 1_700_000_000_000
export const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

export function batchOf(offset: number): Batch {
  const t = START + offset * 1_000
  const meta = { session: 'session', seq: offset, k: 0, prev: null, received: t, skew: 0, repeats: [] }
  const value = encodeValue([{ c: null, p: offset + 1, s: 'A', t, v: 1 }], 'raw')
  const record = { offset, timestamp: t, key: 'A', value, headers: encodeHeaders(meta, 'raw') }
  return { records: [record], end: offset + 1, startedAt: t, endedAt: t }
}

const never = new AbortController().signal

interface Script {
  batches: (clock: ReturnType<typeof manualClock>, drained: AbortController, offset: number) => AsyncGenerator<Batch>
  /** Before the partition becomes ours. */
  joining?: (drained: AbortController, clock: ReturnType<typeof manualClock>) => void | Promise<void>
  stallLimit?: number
  committed?: Commit
  read?: Broker['read']
  flush?: number
  bounds?: Bounds
  /** Before the log tells its bounds. */
  asked?: () => void
  memory?: ReturnType<typeof memoryStore>
  appended?: (topic: string, count: number) => void
  context?: Partial<ProcessorOptions['context']>
  signal?: AbortSignal
  /** The partition is ours again, each time until one of these aborts. */
  lives?: readonly AbortController[]
  durability?: Durability
}

/** Runs a processor of one partition over scripted fetches to its end; answers what each commit and the store held. */
export async function processed(script: Script) {
  const { batches, joining, flush = 100, bounds, memory = memoryStore(), context, signal = never } = script
  const { lives, durability = null } = script
  const clock = manualClock(START)
  const drained = new AbortController()
  const commits: { processed: number; latest: number | undefined; gaps: number }[] = []
  const appended: { record: NewRecord; trades: number }[] = []
  const assignment = (signal: AbortSignal): Assignment => ({
    partition: 0,
    signal,
    committed: script.committed ?? null,
    batches: (offset) => batches(clock, drained, offset),
    [Symbol.dispose]() {},
    async commit(_offset, metadata) {
      const { processed } = JSON.parse(metadata) as { processed: number }
      commits.push({ processed, latest: memory.latest.get('A')?.trade_ts, gaps: memory.gaps.size })
    },
  })
  const broker: Broker = {
    createTopic: async () => 1,
    async append(topic, records) {
      script.appended?.(topic, records.length)
      for (const record of records) appended.push({ record, trades: memory.trades.size })
      return []
    },
    async *join(_topic, _group, signal) {
      await joining?.(drained, clock)
      for (const life of lives ?? [{ signal }]) {
        if (signal.aborted) return
        yield assignment(life.signal)
        const over = AbortSignal.any([life.signal, signal])
        if (lives !== undefined) await new Promise((resolve) => over.addEventListener('abort', resolve))
      }
    },
    read: script.read ?? async function* () {},
    async bounds() {
      script.asked?.()
      return [bounds ?? { start: 0, end: 0 }]
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const options: ProcessorOptions = {
    broker,
    store: { ...memory.store, durability },
    live: localLive(),
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health(), ...context },
    topic: 'market',
    group: 'group',
    partitions: 1,
    retention: { ms: null, bytes: null },
    framing: 'raw',
    windows: WINDOWS,
    idle: 20_000,
    flush,
    maxBadPercent: 10,
    stallLimit: script.stallLimit ?? null,
    drained: drained.signal,
  }
  const outlet = new Outlet(options, new Observer(options.context, new PipelineStats(clock)))
  await runProcessor(options, outlet, signal)
  return { commits, memory, appended }
}

/** Fetched after everything that the test has done. */
export const empty = (end: number): Batch => ({ records: [], end, startedAt: 2 * START, endedAt: 2 * START })

/** Lets time pass, a second at a turn. */
export async function letPass(clock: ReturnType<typeof manualClock>, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed++) {
    clock.advance(1_000)
    await new Promise(setImmediate)
  }
}
