/** A producer on a log that can fall away, in virtual time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Feed, FeedEvent, Frame } from './feed.ts'
import { runProducer } from './ingest.ts'
import type { ProducerOptions } from './outbox.ts'
import { Spool } from './spool.ts'
import { manualClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { nextTurn } from '../stream/broker/group-commit.ts'
import type { Broker, NewRecord } from '../stream/broker.ts'
import { decodeRecord, type DecodedRecord } from '../stream/codec.ts'
import { createLog, createMetrics, Health } from '../telemetry.ts'

export const away = new StockpipeError('unreachable', 'the log is away', { retryable: true })
const never = new AbortController().signal

export async function laboratory({ limit = 1e9 }: { limit?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-spooled-'))
  const clock = manualClock(1_000_000)
  const lines: { event: string; [field: string]: unknown }[] = []
  const log = createLog({ level: 'info', format: 'json', clock, write: (line) => void lines.push(JSON.parse(line)) })
  const real = await openEmbeddedBroker({ path: join(folder, 'log.db'), clock, log })
  /** `lost`: takes records and says that it did not. */
  const state = { log: 'fine' as 'fine' | 'away' | 'lost', duplicates: 0, appends: [] as (readonly NewRecord[])[] }
  /** As one process sees it; one that is killed does nothing any more. */
  const brokerFor = (alive: { is: boolean }): Broker => {
    const dead = new Promise<never>(() => {})
    const reachable = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (!alive.is) await dead
      if (state.log === 'away') throw away
      return work()
    }
    return {
      createTopic: (spec) => reachable(() => real.createTopic(spec)),
      append: (topic, records) => {
        if (alive.is) state.appends.push(records)
        return reachable(async () => {
          const results = await real.append(topic, records)
          state.duplicates += results.filter(({ duplicate }) => duplicate).length
          if (state.log === 'lost') throw away
          return results
        })
      },
      join: (...args) => real.join(...args),
      read: (...args) => real.read(...args),
      bounds: (topic) => reachable(() => real.bounds(topic)),
      [Symbol.asyncDispose]: async () => {},
    }
  }
  const open = () => new Spool({ path: join(folder, 'spool.db'), limit, clock, log })
  /** Moves time on until it is so. */
  const until = async (isSo: () => boolean | Promise<boolean>) => {
    for (let turn = 0; !(await isSo()); turn++) {
      if (turn > 20_000) throw new Error('it never came to be so')
      await nextTurn()
      clock.advance(50)
    }
  }
  const records = async (topic = 'market'): Promise<DecodedRecord[]> => {
    const found: DecodedRecord[] = []
    const [bound] = await real.bounds(topic)
    if (bound === undefined || bound.end === 0) return found
    for await (const batch of real.read(topic, 0, 0, never)) {
      found.push(...batch.records.map((record) => decodeRecord(record)))
      if (found.length >= bound.end) break
    }
    return found
  }
  return {
    clock,
    lines,
    state,
    real,
    folder,
    open,
    until,
    records,
    /** Session and number of each frame in the log, in order; gaps as `cause from-to`. */
    async order() {
      return (await records()).map(({ session, seq, gap }) =>
        gap === null ? `${session}${seq}` : `${gap.cause} ${gap.from}-${gap.to} ${gap.symbol}`,
      )
    },
    start(session: string, given: Partial<ProducerOptions> = {}) {
      const alive = { is: true }
      const metrics = createMetrics()
      const options: ProducerOptions = {
        broker: brokerFor(alive),
        topic: 'market',
        partitions: 1,
        retention: { ms: null, bytes: null },
        context: { clock, log, metrics, health: new Health() },
        framing: 'raw',
        repeats: 'keep',
        ...given,
      }
      return start(session, { clock, open, until, alive }, options)
    },
    async [Symbol.asyncDispose]() {
      await real[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

interface Around {
  clock: { now(): number }
  open: () => Spool
  until: (isSo: () => boolean | Promise<boolean>) => Promise<void>
  alive: { is: boolean }
}

/** One process: it takes what `give` gives it, until it is stopped, or killed. */
function start(session: string, { clock, open, until, alive }: Around, given: ProducerOptions) {
  const spool = given.spool === null ? null : open()
  const stop = new AbortController()
  let waiting: FeedEvent[] = []
  let woken = Promise.withResolvers<void>()
  let seq = 0
  const acknowledged: number[] = []
  const push = (...events: FeedEvent[]) => {
    waiting.push(...events)
    woken.resolve()
  }
  const feed: Feed = {
    watched: { symbols: ['A'], isSentAgain: false },
    async *events(signal) {
      signal.addEventListener('abort', () => woken.resolve())
      while (!signal.aborted) {
        await woken.promise
        woken = Promise.withResolvers()
        const events = waiting
        waiting = []
        if (events.length > 0) yield events
      }
    },
    acknowledge: (frame) => acknowledged.push(frame.seq),
  }
  const done = runProducer(feed, { ...given, spool }, stop.signal)
  let error: unknown = null
  done.catch((thrown: unknown) => (error = thrown))
  const frame = (text: string): Frame => {
    const received = clock.now()
    return { kind: 'frame', conn: 0, session, seq: ++seq, received, text, known: false }
  }
  const trade = () => frame(JSON.stringify({ type: 'trade', data: [{ s: 'A', p: 1, t: clock.now(), v: 1 }] }))
  return {
    options: given,
    spool,
    acknowledged,
    push,
    error: () => error,
    /** So many trades, one frame each, in one batch. */
    give: (count: number) => push(...Array.from({ length: count }, trade)),
    bad: () => push(frame('rubbish')),
    isTaken: () => acknowledged.length === seq,
    taken: () => until(() => acknowledged.length === seq || error !== null),
    async stop() {
      stop.abort()
      let isDone = false
      const ended = done.finally(() => (isDone = true))
      ended.catch(() => {})
      await until(() => isDone)
      spool?.[Symbol.dispose]()
      await ended
    },
    /** Nothing of it is heard again; what it had on disk stays. */
    kill() {
      alive.is = false
      spool?.[Symbol.dispose]()
    },
  }
}
