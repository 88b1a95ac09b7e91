/** Gaps from the socket to the log: each record stands between the last frame before it and the first one after it. */
import { expect, test } from 'bun:test'

import { openFinnhubFeed, type FinnhubFeedOptions } from './finnhub.ts'
import { Resume } from './resume.ts'
import { runProducer } from '../ingest.ts'
import { marketClock } from '../simulator/market-clock.fixture.ts'
import type { SimulatorOptions } from '../simulator/options.ts'
import { startSimulator } from '../simulator/simulator.ts'
import { systemClock } from '../../clock.ts'
import { openEmbeddedBroker } from '../../stream/broker/embedded.ts'
import { decodeRecord, type DecodedRecord, type GapMark } from '../../stream/codec.ts'
import { createMetrics, Health, silentLog } from '../../telemetry.ts'

const BTC = 'BINANCE:BTCUSDT'
const clock = marketClock()

interface Play {
  market: Partial<SimulatorOptions>
  feed?: Partial<FinnhubFeedOptions>
  /** Until so many gap records and a frame behind them are there; 0: until three connections were lost. */
  gaps: number
  /** How long the log takes for each append. */
  appendMs?: number
}

/** What the log holds after a producer followed a market for a while. */
async function logOf({ market, feed: given = {}, gaps, appendMs = 0 }: Play): Promise<DecodedRecord[]> {
  await using simulator = await startSimulator({ rate: 400, ...market }, { clock, log: silentLog })
  const delay = () => systemClock.sleep(appendMs)
  await using broker = await openEmbeddedBroker({ path: ':memory:', clock, log: silentLog })
  const append = broker.append.bind(broker)
  broker.append = async (...call) => (await delay(), append(...call))
  const metrics = createMetrics()
  const context = { clock, log: silentLog, metrics, health: new Health() }
  const retry = { baseMs: 10, capMs: 40, evictionMs: 0, ...given.retry }
  const feed = openFinnhubFeed(
    { url: simulator.url, token: null, symbols: [BTC], session: 's', ...given, retry },
    context,
  )
  const stop = new AbortController()
  const options = { broker, topic: 't', partitions: 1, retention: { ms: null, bytes: null }, context } as const
  const done = runProducer(feed, { ...options, framing: 'raw', repeats: 'keep' }, stop.signal)
  const isEnough = async () => {
    if (gaps > 0) return isFollowed(await read(broker), gaps)
    return /feed_reconnects_total\{[^}]*\} [3-9]/.test(await metrics.registry.metrics())
  }
  while (!(await isEnough())) await systemClock.sleep(10)
  await systemClock.sleep(50)
  stop.abort()
  await done
  // Before it is closed.
  return await read(broker)
}

/** So many gaps are there, and a frame behind the last of them. */
function isFollowed(records: readonly DecodedRecord[], gaps: number): boolean {
  const last = records.filter(({ gap }) => gap !== null)[gaps - 1]
  return last !== undefined && records.slice(records.indexOf(last)).some(({ gap }) => gap === null)
}

async function read(broker: Awaited<ReturnType<typeof openEmbeddedBroker>>): Promise<DecodedRecord[]> {
  const found: DecodedRecord[] = []
  const end = (await broker.bounds('t'))[0]?.end ?? 0
  if (end === 0) return found
  for await (const { records } of broker.read('t', 0, 0, new AbortController().signal)) {
    found.push(...records.map((record) => decodeRecord(record)))
    if (found.length >= end) return found
  }
  return found
}

/** Each gap of the log with the receipt of the last frame before it and of the first one behind it. */
const between = (records: readonly DecodedRecord[]): { gap: GapMark; before: number | null; after: number | null }[] =>
  records.flatMap(({ gap }, index) => {
    if (gap === null) return []
    const isFrame = (record: DecodedRecord) => record.gap === null
    const before = records.slice(0, index).findLast(isFrame)?.received ?? null
    const after = records.slice(index).find(isFrame)?.received ?? null
    return [{ gap, before, after }]
  })

test.concurrent.each([
  ['outage', { rate: 2_000, closeEveryMs: 200 }, {}, 0],
  ['stall', { rate: 2_000, stall: { afterMs: 200, forMs: 60_000 } }, { stallAfterMs: 300 }, 0],
  ['overflow', { rate: 2_000 }, { queueLimit: { frames: 1 } }, 200],
] as const)('%s', async (cause, market, feed, appendMs) => {
  const gaps = between(await logOf({ market, feed, gaps: 2, appendMs }))
  expect(gaps.length).toBeGreaterThanOrEqual(2)
  for (const { gap, before, after } of gaps.slice(0, 2)) {
    expect(gap).toMatchObject({ symbol: BTC, cause, from: before, to: after })
    expect(gap.to).toBeGreaterThan(gap.from)
  }
})

test.concurrent('what a market does not send again is a gap before the first trade', async () => {
  const market = { history: 60_000, joinMs: 10 }
  const reached = new Map([[BTC, { t: clock.now() - 20_000, count: 1 }]])
  const resume = new Resume([BTC], { first: 5_000, again: 10_000 }, { reached, oldest: null })
  const [first, ...rest] = await logOf({ market, feed: { resume }, gaps: 1 })
  expect(first?.gap).toMatchObject({ symbol: BTC, cause: 'restart', from: reached.get(BTC)?.t })
  expect(first?.gap?.to).toBeGreaterThan(clock.now() - 10_000)
  expect(between(rest)).toEqual([])
  expect(rest[0]?.entries[0]?.t).toBeGreaterThanOrEqual(first?.gap?.to ?? Infinity)
})

test.concurrent('a market that sends again what was missed leaves no gap', async () => {
  const market = { history: 60_000, joinMs: 10, closeEveryMs: 200 }
  const resume = new Resume([BTC], { first: 1_000, again: 50_000 })
  expect(between(await logOf({ market, feed: { resume }, gaps: 0 }))).toEqual([])
})
