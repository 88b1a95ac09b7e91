import { expect, test } from 'bun:test'

import type { Assignment } from './broker.ts'
import { encodeHeaders, encodeValue } from './codec.ts'
import { Committer } from './committer.ts'
import { DurabilityWatch } from './durable.ts'
import type { Durability } from './store.ts'
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
    maxBadPercent: 10,
    stallLimit: null,
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

async function committerOf(
  assignment: Assignment,
  options: ProcessorOptions,
  durability: Durability | null = null,
): Promise<Committer> {
  const watch = await DurabilityWatch.begin(durability, options.context, never)
  return new Committer(assignment, { options, fingerprint: 'f', watch, stop: never })
}

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
  const committer = await committerOf(assignment, options)
  await passing(
    clock,
    committer.finish(partition, async () => {}, false),
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
    await outlet.write(partition, partition.take({ flush: true }), outlet.way(never, never))
    done.push(String(partition.number))
  })
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  expect(done).toEqual([])
  opened.resolve()
  await Promise.all(writes)
  expect(appended).toEqual(['0', '1'])
})

test('who cannot publish any more does not go on writing', async () => {
  const { context, options } = surroundings()
  const room = Promise.withResolvers<void>()
  const live = { ...localLive(), room: () => room.promise }
  const outlet = new Outlet({ ...options, live }, new Observer(context, new PipelineStats(context.clock)))
  const partition = partitionOf(0)
  partition.fold(GOOD)
  let isWritten = false
  const written = outlet
    .write(partition, partition.take({ flush: true }), outlet.way(never, never))
    .then(() => (isWritten = true))
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
  expect(isWritten).toBe(false)
  room.resolve()
  await written
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
  const committer = await committerOf(assignment, options)
  const stored = Promise.withResolvers<void>()
  committer.begin(partition, () => stored.promise)
  const [record] = GOOD.records
  if (record !== undefined) partition.fold({ ...GOOD, records: [{ ...record, offset: 1, headers: {} }] })
  expect(committer.isDue(partition)).toBe(false)
  await new Promise(setImmediate)
  expect(commits).toEqual([])
  stored.resolve()
  await committer.finish(partition, async () => {}, false)
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
  const committer = await committerOf(assignment, options)
  committer.begin(partition, async () => {})
  const failure = await committer.finish(partition, async () => {}, false).catch((error: unknown) => error)
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
  const committer = await committerOf(assignment, options)
  await committer.finish(partition, async () => {}, false)
  const stored = Promise.withResolvers<void>()
  let isOver = false
  const over = committer.finish(partition, () => stored.promise, false).then(() => (isOver = true))
  await new Promise(setImmediate)
  expect(isOver).toBe(false)
  stored.resolve()
  await over
})

const LAG = 16_000
const turn = () => new Promise(setImmediate)

/** A partition of one record on a store whose acknowledgements count after `LAG`, and what happens, with the ms since the start. */
async function lagging() {
  const { options, clock } = surroundings()
  const startedAt = clock.now()
  const happened: string[] = []
  const note = (what: string) => happened.push(`${what} at ${clock.now() - startedAt}`)
  const store = { generation: 'a' }
  const durability: Durability = {
    lagMs: async () => LAG,
    async generation() {
      note('generation')
      return store.generation
    },
  }
  const assignment: Assignment = {
    partition: 0,
    signal: never,
    committed: null,
    [Symbol.dispose]() {},
    async *batches() {},
    async commit(_offset, metadata) {
      note(`commit of ${(JSON.parse(metadata) as { processed: number }).processed}`)
    },
  }
  const partition = partitionOf(0)
  const fold = (offset: number) => {
    const [record] = GOOD.records
    if (record !== undefined) partition.fold({ ...GOOD, records: [{ ...record, offset, headers: {} }] })
  }
  const committer = await committerOf(assignment, options, durability)
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500)
      await turn()
      await turn()
    }
  }
  happened.length = 0
  return { partition, fold, committer, clock, pass, store, happened }
}

test('rows that a server may still lose are committed after the lag, and the generation is read after the lag too', async () => {
  const { partition, fold, committer, pass, happened } = await lagging()
  fold(0)
  const stored = Promise.withResolvers<void>()
  committer.begin(partition, () => stored.promise)
  await pass(4_000)
  stored.resolve()
  await turn()
  await pass(LAG - 500)
  expect(happened).toEqual([])
  await pass(1_000)
  expect(happened).toEqual(['generation at 20000', 'commit of 0 at 20000'])
})

test('a server that began anew within the lag is noticed, and nothing is committed', async () => {
  const { partition, fold, committer, pass, store, happened } = await lagging()
  fold(0)
  committer.begin(partition, async () => {})
  await turn()
  await pass(LAG - 500)
  store.generation = 'b'
  await pass(500)
  expect(happened).toEqual(['generation at 16000'])
  expect(committer.isDue(partition)).toBe(true)
  expect(() => committer.begin(partition, async () => {})).toThrow('began anew')
})

test('who hands over commits the newest state that is durable, and no more', async () => {
  const { partition, fold, committer, pass, happened } = await lagging()
  fold(0)
  committer.begin(partition, async () => {})
  await turn()
  await pass(10_000)
  fold(1)
  committer.begin(partition, async () => {})
  await turn()
  await pass(LAG - 10_000 - 500)
  await committer.finish(partition, async () => {}, false)
  expect(happened).toEqual([])
})

test('of several states whose time has come only the newest is committed', async () => {
  const { partition, fold, committer, pass, clock, happened } = await lagging()
  for (const offset of [0, 1, 2]) {
    fold(offset)
    committer.begin(partition, async () => {})
    await pass(500)
  }
  clock.advance(LAG)
  await turn()
  await turn()
  expect(happened).toEqual(['generation at 17500', 'commit of 2 at 17500'])
})

test('the end of the input waits for the lag', async () => {
  const { partition, fold, committer, clock, happened } = await lagging()
  fold(0)
  const finished = committer.finish(partition, async () => {}, true)
  await turn()
  await passing(clock, finished)
  expect(happened).toEqual(['generation at 16000', 'commit of 0 at 16000'])
})

test.each([-600_000, 600_000])('the lag is time that passes: a clock set by %d ms changes nothing', async (ms) => {
  const { partition, fold, committer, pass, clock, happened } = await lagging()
  fold(0)
  committer.begin(partition, async () => {})
  await turn()
  clock.set(clock.now() + ms)
  await pass(LAG - 500)
  expect(happened).toEqual([])
  await pass(1_000)
  expect(happened.map((what) => what.split(' at ')[0])).toEqual(['generation', 'commit of 0'])
})

test('that there are more sessions than a commit holds is said once', async () => {
  const { options, lines } = surroundings()
  let commits = 0
  const assignment: Assignment = {
    partition: 0,
    signal: never,
    committed: null,
    [Symbol.dispose]() {},
    async *batches() {},
    async commit() {
      commits++
    },
  }
  const partition = partitionOf(0)
  const value = encodeValue([{ c: null, p: 1, s: 'A', t: 1_000, v: 0 }], 'raw')
  const committer = await committerOf(assignment, options)
  for (let offset = 0; offset < 200; offset++) {
    const headers = encodeHeaders({ ...META, session: `session-${offset}` }, 'raw')
    partition.fold({ ...GOOD, records: [{ offset, timestamp: 1_000, key: 'A', value, headers }] })
    if (offset >= 198) await committer.finish(partition, async () => {}, true)
  }
  expect(commits).toBe(2)
  expect(lines.filter((line) => line.includes('sessions_left_out')).length).toBe(1)
})
