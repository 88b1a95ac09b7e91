import { expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { PipelineStats } from '../stats.ts'
import type { Bounds } from '../stream/broker.ts'
import type { Observer } from '../stream/observer.ts'
import { encodeTriple } from '../stream/triple.ts'
import { createLog, createMetrics, Health, silentLog } from '../telemetry.ts'
import { lagOf, type LagSource, positionsIn, watchLag, watchLog } from './lag.ts'
import { Waiting } from './waiting.ts'

const { metadata } = encodeTriple(
  {
    low: 10,
    watermark: null,
    processed: 39,
    identity: { timestamp: 1, session: null, seq: null },
    incarnation: 1,
    sessions: [],
    from: null,
  },
  'any',
)

const BOUNDS = [
  { start: 0, end: 100 },
  { start: 20, end: 100 },
]

function source(told: Readonly<Record<number, number>>, more: Partial<LagSource> = {}): LagSource {
  const clock = manualClock(1_000)
  return {
    broker: { bounds: async () => BOUNDS },
    topic: 'market',
    positions: { of: (partition) => told[partition] ?? null },
    commits: async () => [{ offset: 10, metadata }, null],
    context: { clock, log: silentLog, metrics: createMetrics(), health: new Health() },
    stats: new PipelineStats(clock),
    ...more,
  }
}

/** Nothing was committed. */
const none = { commits: async () => [null, null] }

const totalLag = async (bounds: readonly Bounds[], around: LagSource): Promise<number> =>
  lagOf(bounds, await positionsIn(bounds, around))

test('the lag is what no processor has processed, by what they tell', async () => {
  expect(await totalLag(BOUNDS, source({ 0: 95, 1: 100 }))).toBe(5)
})

test('of a partition that nobody told about what was committed counts, or all of it', async () => {
  expect(await totalLag(BOUNDS, source({ 1: 100 }))).toBe(60)
  expect(await totalLag(BOUNDS, source({ 0: 100 }))).toBe(80)
})

test('where the words of a processor arrive no more, what it commits counts', async () => {
  expect(await totalLag(BOUNDS, source({ 0: 15, 1: 100 }))).toBe(60)
})

test('who is at the end is not asked for what was committed', async () => {
  const commits = () => Promise.reject(new Error('nobody asks'))
  expect(await totalLag(BOUNDS, source({ 0: 100, 1: 100 }, { commits }))).toBe(0)
})

test('what was committed is needed only of a partition that has records and that no processor told about', async () => {
  const commits = () => Promise.reject(new Error('refused'))
  expect(await totalLag(BOUNDS, source({ 0: 15, 1: 90 }, { commits }))).toBe(95)
  const [full = { start: 0, end: 100 }] = BOUNDS
  expect(await totalLag([full, { start: 7, end: 7 }], source({ 0: 15 }, { commits }))).toBe(85)
  expect(await positionsIn(BOUNDS, source({ 0: 15 }, { commits })).catch(String)).toContain('refused')
})

test('a login that may not see what was committed is told once, and once that it may; nobody is not ready for it', async () => {
  const refused = new StockpipeError('auth', 'the group is closed', { hint: 'open it', mendable: true })
  const away = new StockpipeError('unreachable', 'nobody answers', { retryable: true })
  let answer: StockpipeError | null = away
  const clock = manualClock(1_000)
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', clock, write: (line) => lines.push(line) })
  const health = new Health()
  const commits = () => (answer === null ? Promise.resolve([null, null]) : Promise.reject(answer))
  const context = { clock, log, metrics: createMetrics(), health }
  const stop = new AbortController()
  const done = watchLag(source({ 0: 15 }, { commits, context }), stop.signal)
  const later = async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    clock.advance(2_000)
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    return health.report()
  }
  expect(await later()).toEqual([])
  answer = refused
  for (let turn = 0; turn < 3; turn++)
    expect(await later()).toEqual([{ component: 'lag', ready: true, reason: 'the group is closed; open it' }])
  answer = away
  await later()
  answer = null
  for (let turn = 0; turn < 2; turn++) expect(await later()).toEqual([])
  stop.abort()
  await done
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ event: 'lag.unknown', try: 'open it' }),
    expect.objectContaining({ event: 'lag.known' }),
  ])
})

test('what came a moment ago is no lag, and while the log does not answer none is known', async () => {
  let end: number | null = 7
  let position = 0
  const bounds = async () => {
    if (end === null) throw new StockpipeError('unreachable', 'nobody answers', { retryable: true })
    return [{ start: 0, end }]
  }
  const clock = manualClock(1_000)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const lag = source({}, { broker: { bounds }, positions: { of: () => position }, ...none, context })
  const stop = new AbortController()
  const done = watchLag(lag, stop.signal)
  const shown = async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    const metric = (await context.metrics.pipelineLag.get()).values.map(({ value }) => value)
    return [lag.stats.snapshot().lag_records, ...metric]
  }
  const later = (to: number | null, at: number) => {
    end = to
    position = at
    clock.advance(2_000)
    return shown()
  }
  expect(await shown()).toEqual([null])
  expect(await later(20, 3)).toEqual([4, 4])
  expect(await later(40, 20)).toEqual([0, 0])
  expect(await later(null, 20)).toEqual([null])
  expect(await later(40, 20)).toEqual([null])
  expect(await later(40, 20)).toEqual([20, 20])
  stop.abort()
  await done
})

test('the oldest record that waits has an age, whoever is away, and as long as the log has it', async () => {
  let bounds: Bounds[] | null = [
    { start: 0, end: 10 },
    { start: 0, end: 5 },
  ]
  const told = [10, 5]
  const broker = {
    async bounds() {
      if (bounds === null) throw new StockpipeError('unreachable', 'nobody answers', { retryable: true })
      return bounds
    },
  }
  const clock = manualClock(1_000)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const lag = source({}, { broker, positions: { of: (partition) => told[partition] ?? null }, ...none, context })
  const stop = new AbortController()
  const done = watchLag(lag, stop.signal)
  /** In 2 s: the age in seconds, and how many records wait. */
  const later = async (ends: readonly number[] | null, start = 0) => {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    bounds = ends?.map((end) => ({ start, end })) ?? null
    clock.advance(2_000)
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    const read = async (metric: 'pipelineLagSeconds' | 'pipelineLag') =>
      (await context.metrics[metric].get()).values[0]?.value
    return [await read('pipelineLagSeconds'), await read('pipelineLag')]
  }
  expect(await later([12, 5])).toEqual([0, 0])
  expect(await later([14, 5])).toEqual([2, 2])
  expect(await later([14, 9])).toEqual([4, 4])
  told[0] = 12
  expect(await later([14, 9])).toEqual([4, 6])
  expect(await later(null)).toEqual([undefined, undefined])
  expect(await later([14, 9])).toEqual([undefined, undefined])
  told[0] = 14
  expect(await later([14, 9])).toEqual([8, 4])
  expect(await later([14, 9], 9)).toEqual([10, 4])
  expect(await later([14, 9], 9)).toEqual([0, 0])
  stop.abort()
  await done
})

test('a day without a processor is told as a day, and kept in little memory', () => {
  const waiting = new Waiting()
  const day = 86_400
  for (let second = 0; second <= day; second += 2) waiting.saw([{ start: 0, end: 1 + second }], second)
  expect(waiting.size).toBeLessThan(1_000)
  expect(waiting.since([0])).toBe(0)
  expect(waiting.since([day / 2])).toBeWithin(day / 2, day / 2 + day / 100)
  expect(waiting.since([day])).toBe(day)
  expect(waiting.since([day + 1])).toBeNull()
  expect(waiting.size).toBe(0)
})

test('what a log has lost, made anew or cut off at its end, waits no more', () => {
  const waiting = new Waiting()
  waiting.saw([{ start: 0, end: 50 }], 0)
  waiting.saw([{ start: 0, end: 30 }], 10)
  expect([waiting.since([20]), waiting.since([30])]).toEqual([10, null])
})

test('a log that hangs holds up no stop, whichever answer is waited for', async () => {
  const never = () => new Promise<never>(() => {})
  for (const hanging of [{ broker: { bounds: never } }, { commits: never }]) {
    const clock = manualClock(1_000)
    const lag = source({}, { context: { ...source({}).context, clock }, ...hanging })
    const stop = new AbortController()
    const done = watchLag(lag, stop.signal)
    await new Promise(setImmediate)
    clock.advance(2_000)
    await new Promise(setImmediate)
    stop.abort()
    await done
  }
})

test('a processor is told what was in the log 2 s ago, as often as the log answers', async () => {
  const clock = manualClock(1_000)
  let end: number | null = 7
  const bounds = async () => {
    if (end === null) throw new StockpipeError('unreachable', 'nobody answers', { retryable: true })
    return [{ start: 0, end }]
  }
  const told: number[] = []
  const observer = { logHolds: ([first]: readonly Bounds[]) => void told.push(first?.end ?? -1) } as Observer
  const stop = new AbortController()
  const done = watchLog(
    { ...source({}), broker: { bounds }, context: { ...source({}).context, clock }, observer },
    stop.signal,
  )
  for (const next of [9, null, 11, 12, 13]) {
    await new Promise(setImmediate)
    end = next
    clock.advance(2_000)
  }
  await new Promise(setImmediate)
  expect(told).toEqual([7, 9, 11, 12])
  stop.abort()
  await done
})

test('who does not look after the lag of all says nothing of it', async () => {
  expect(await createMetrics().registry.metrics()).not.toMatch(/^stockpipe_pipeline_lag_/m)
})
