import { expect, test } from 'bun:test'

import type { Assignment } from './broker.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { Committer } from './committer.ts'
import { Outlet, type ProcessorOptions } from './outlet.ts'
import { Observer } from './observer.ts'
import { Partition } from './partition.ts'
import { localLive } from './live.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { PipelineStats } from '../stats.ts'
import { createLog, createMetrics, Health } from '../telemetry.ts'
import { memoryStore } from '../../test/memory.ts'

const full = () => new StockpipeError('disk-full', 'the disk is full', { retryable: true })
const never = new AbortController().signal
const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

function surroundings(append: ProcessorOptions['broker']['append'] = async () => []) {
  const clock = manualClock(1_000_000)
  const lines: string[] = []
  const log = createLog({ level: 'debug', format: 'json', clock, write: (line) => void lines.push(line) })
  const context = { clock, log, metrics: createMetrics(), health: new Health() }
  const broker = { append } as ProcessorOptions['broker']
  const options: ProcessorOptions = {
    broker,
    store: memoryStore().store,
    live: localLive(),
    context,
    topic: 't',
    group: 'g',
    partitions: 2,
    retention: { ms: null, bytes: null },
    framing: 'raw',
    windows: WINDOWS,
    idle: 20_000,
    flush: 0,
    drained: never,
  }
  return { clock, lines, context, options }
}

const batchOf = (value: Uint8Array | null, headers: Record<string, string>) => ({
  records: [{ offset: 0, timestamp: 1_000, key: 'A', value, headers }],
  end: 1,
  startedAt: 0,
  endedAt: 0,
})
const META = { session: 's', seq: 1, k: 0, prev: null, received: 1_000, skew: 0, repeats: [] }
const GOOD = batchOf(encodeValue([{ c: null, p: 1, s: 'A', t: 1_000, v: 1 }], 'raw'), encodeHeaders(META, 'raw'))

const partitionOf = (partition: number) =>
  new Partition(WINDOWS, { partition, incarnation: 1, truncated: false, committed: null })

/** Moves time on until it is done. */
async function passing(clock: ReturnType<typeof manualClock>, work: Promise<unknown>): Promise<void> {
  const ended = new AbortController()
  const done = work.finally(() => ended.abort())
  while (!ended.signal.aborted) {
    clock.advance(50)
    await new Promise(setImmediate)
  }
  await done
}

test('a commit waits for a full disk, is on /readyz meanwhile, and is tried until it works', async () => {
  const { clock, context, options, lines } = surroundings()
  const seen: (string | null)[] = []
  let tries = 0
  const assignment: Assignment = {
    partition: 0,
    signal: never,
    committed: null,
    [Symbol.dispose]() {},
    async *batches() {},
    async commit() {
      seen.push(context.health.reason('log'))
      if (++tries < 3) throw full()
    },
  }
  const partition = partitionOf(0)
  partition.fold(GOOD)
  const committer = new Committer(assignment, options, 'f')
  await passing(
    clock,
    committer.finish(partition, async () => {}, never),
  )
  expect(seen).toEqual(['no answer yet', 'the disk is full', 'the disk is full'])
  expect(context.health.isReady).toBe(true)
  expect(lines.filter((line) => line.includes('log.retrying')).length).toBe(1)
})

test('a partition is written only after its own dead letters are in the log, whoever else writes', async () => {
  const appended: string[] = []
  const opened = Promise.withResolvers<void>()
  const { context, options } = surroundings(async (_topic, records) => {
    await opened.promise
    appended.push(...records.map(({ headers }) => String(headers['partition'])))
    return []
  })
  const outlet = new Outlet(options, new Observer(context, new PipelineStats(context.clock)))
  const [first, second] = [partitionOf(0), partitionOf(1)]
  const broken = batchOf(new Uint8Array([1]), { framing: 'raw' })
  for (const partition of [first, second]) outlet.observe(partition, broken, partition.fold(broken))
  const done: string[] = []
  const writes = [first, second].map(async (partition) => {
    await outlet.write(partition, partition.take({ flush: true }), { queue: outlet.queue(never), signal: never })
    done.push(String(partition.number))
  })
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  expect(done).toEqual([])
  opened.resolve()
  await Promise.all(writes)
  expect(appended).toEqual(['0', '1'])
})

test('a commit is of the state it was asked for, when the rows of that state are there, not of what came later', async () => {
  const { options } = surroundings()
  const commits: number[] = []
  const assignment: Assignment = {
    partition: 0,
    signal: never,
    committed: null,
    [Symbol.dispose]() {},
    async *batches() {},
    async commit(_offset, metadata) {
      commits.push((JSON.parse(metadata) as { processed: number }).processed)
    },
  }
  const partition = partitionOf(0)
  partition.fold(GOOD)
  const committer = new Committer(assignment, options, 'f')
  const stored = Promise.withResolvers<void>()
  committer.begin(partition, () => stored.promise, never)
  const [record] = GOOD.records
  if (record !== undefined) partition.fold({ ...GOOD, records: [{ ...record, offset: 1, headers: {} }] })
  expect(committer.isDue(partition)).toBe(false)
  await new Promise(setImmediate)
  expect(commits).toEqual([])
  stored.resolve()
  await committer.finish(partition, async () => {}, never)
  expect(commits).toEqual([0, 1])
})

test('what a commit in the background fails with is thrown by the next one', async () => {
  const { options } = surroundings()
  const assignment: Assignment = {
    partition: 0,
    signal: never,
    committed: null,
    [Symbol.dispose]() {},
    async *batches() {},
    commit: () => Promise.reject(new StockpipeError('not-owner', 'not ours')),
  }
  const partition = partitionOf(0)
  partition.fold(GOOD)
  const committer = new Committer(assignment, options, 'f')
  committer.begin(partition, async () => {}, never)
  const failure = await committer.finish(partition, async () => {}, never).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'not-owner' })
})

test('the end waits for every row, also where there is nothing new to commit', async () => {
  const { options } = surroundings()
  const partition = partitionOf(0)
  partition.fold(GOOD)
  const assignment: Assignment = {
    partition: 0,
    signal: never,
    committed: null,
    [Symbol.dispose]() {},
    async *batches() {},
    async commit() {},
  }
  const committer = new Committer(assignment, options, 'f')
  await committer.finish(partition, async () => {}, never)
  const stored = Promise.withResolvers<void>()
  let isOver = false
  const over = committer.finish(partition, () => stored.promise, never).then(() => (isOver = true))
  await new Promise(setImmediate)
  expect(isOver).toBe(false)
  stored.resolve()
  await over
})
