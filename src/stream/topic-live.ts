import type { Broker, NewRecord } from './broker.ts'
import { type Live, type LiveUpdate, localLive } from './live.ts'
import { Partition } from './partition.ts'
import { positionKey, type PositionRow, Positions, PositionTeller } from './positions.ts'
import { retry } from './retry.ts'
import type { WindowSettings } from './symbol-windows.ts'
import { aggregatesSpec, aggregatesTopic } from './topics.ts'
import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import type { Latencies } from '../latency.ts'
import type { Context } from '../telemetry.ts'
import { type CandleRow, isTime, type LatestRow, type Stamped, type WindowRow } from '../trade.ts'

export interface TopicLiveOptions {
  broker: Broker
  topic: string
  partitions: number
  windows: WindowSettings
  context: Context
  /** Of this process: processors tell theirs, who subscribes hears them. */
  latency?: Latencies
}

/** Where processors and the API are processes of their own: rows by way of the topic `aggregates`, trades by that of the log. */
export interface TopicLive extends Live {
  /** How far the processors say they are. For those who subscribe. */
  readonly positions: Positions
  /** Makes the topic where it is missing. For those who publish. */
  ensureTopic(signal: AbortSignal): Promise<void>
  /** Hands on what comes in, until `signal` aborts. For those who subscribe. */
  run(signal: AbortSignal): Promise<void>
}

/** When the store acknowledged a row: a header of its record. */
const STORED = 'stored'
const NO_HEADERS = {}
type Row = Stamped<WindowRow> | Stamped<CandleRow> | Stamped<LatestRow> | PositionRow
const COMPONENT = 'live'
/** Least time between two appends: rows of all partitions then share the batches of the topic. */
const PACE_MS = 50
/** More rows than this that wait to be published, and who publishes waits. */
const MOST_ROWS = 50_000
/** Tries, 3 s in all, that a pipeline may take to make its topics. */
const STARTING = 5

export function topicLive(options: TopicLiveOptions): TopicLive {
  const { broker, topic, partitions, context, latency } = options
  const local = localLive()
  const outgoing = new Outgoing(options, aggregatesTopic(topic))
  const teller = new PositionTeller(context.clock, (partition) => latency?.of(partition))
  const positions = new Positions(({ partition, latency: told }) => latency?.hear(partition, told))
  return {
    publish: (update) => outgoing.add(update),
    published: (signal) => retry(COMPONENT, () => outgoing.sent(), { context, signal }),
    async room(signal) {
      if (outgoing.isFull) await retry(COMPONENT, () => outgoing.sent(), { context, signal })
    },
    progress(partition, position) {
      const row = teller.take(partition, position)
      if (row !== null) outgoing.tell(row)
    },
    positions,
    subscribe: (listener) => local.subscribe(listener),
    async ensureTopic(signal) {
      const spec = aggregatesSpec({ topic, partitions })
      await retry('log', () => broker.createTopic(spec), { context, signal })
    },
    async run(signal) {
      latency?.listen()
      const publish = (update: LiveUpdate) => local.publish(update)
      await Promise.all([
        follow(topic, options, { signal, hear: () => tradesOf(options, publish) }),
        follow(aggregatesTopic(topic), options, { signal, hear: () => rowsOf(publish, positions) }),
      ])
    },
  }
}

/** What waits to be published: of each row its newest state, from all partitions. One append is under way at a time. */
class Outgoing {
  readonly #broker: Broker
  readonly #topic: string
  readonly #clock: Clock
  #sentAt = Number.NEGATIVE_INFINITY
  #waiting = new Map<string, { row: Row; storedAt: number | undefined }>()
  #records: readonly NewRecord[] = []
  /** How many rows were added, how many of those are in `#records` or in the log, and how many are in the log. */
  #added = 0
  #taken = 0
  #sent = 0
  #sending: Promise<void> | null = null

  constructor({ broker, context }: TopicLiveOptions, topic: string) {
    this.#broker = broker
    this.#topic = topic
    this.#clock = context.clock
  }

  get isFull(): boolean {
    return this.#waiting.size + this.#records.length > MOST_ROWS
  }

  add({ windows, candles, latest, storedAt }: LiveUpdate): void {
    for (const row of windows)
      this.#put(`${row.symbol}|window|${row.window_end_ts - row.window_start_ts}|${row.window_start_ts}`, row, storedAt)
    for (const row of candles) this.#put(`${row.symbol}|candle|${row.interval}|${row.open_ts}`, row, storedAt)
    for (const row of latest) this.#put(`${row.symbol}|latest||`, row, storedAt)
    // Trouble is told to those who wait for it: see `sent`.
    if (this.#waiting.size > 0) this.sent().catch(() => {})
  }

  tell(row: PositionRow): void {
    this.#put(positionKey(row), row)
    this.sent().catch(() => {})
  }

  /** Resolves when all that was added before is in the log; others may add without a pause. */
  async sent(): Promise<void> {
    const upTo = this.#added
    while (this.#sent < upTo) {
      this.#sending ??= this.#send().finally(() => (this.#sending = null))
      await this.#sending
    }
  }

  #put(key: string, row: Row, storedAt?: number): void {
    this.#added++
    const before = this.#waiting.get(key)
    if (before === undefined || before.row.stamp <= row.stamp) this.#waiting.set(key, { row, storedAt })
  }

  /** After a failure the same records go again before any others. */
  async #send(): Promise<void> {
    const pause = this.#sentAt + PACE_MS - this.#clock.elapsed()
    if (pause > 0) await this.#clock.sleep(pause)
    this.#sentAt = this.#clock.elapsed()
    if (this.#records.length === 0) {
      this.#records = [...this.#waiting].map(([key, { row, storedAt }]) => ({
        key,
        value: Buffer.from(JSON.stringify(row)),
        headers: storedAt === undefined ? NO_HEADERS : { [STORED]: String(storedAt) },
      }))
      this.#waiting = new Map()
      this.#taken = this.#added
    }
    await this.#broker.append(this.#topic, this.#records)
    this.#records = []
    this.#sent = this.#taken
  }
}

type Hear = (partition: number) => (batch: Parameters<Partition['fold']>[0]) => void

/** Reads every partition from its end on. A topic that is not there yet is waited for, one that was made anew is followed. */
async function follow(
  topic: string,
  { broker, context }: TopicLiveOptions,
  { signal, hear }: { signal: AbortSignal; hear: () => Hear },
): Promise<void> {
  const bounds = await retry(
    COMPONENT,
    async () => {
      const found = await broker.bounds(topic)
      if (found.length > 0) return found
      throw new StockpipeError('topic-missing', `there is no topic ${topic} yet`, {
        hint: 'start a producer and a processor: they make it',
        retryable: true,
      })
    },
    { context, signal, quietFor: STARTING },
  ).catch((error: unknown) => {
    if (signal.aborted) return []
    throw error
  })
  const listen = hear()
  await Promise.all(
    bounds.map(({ end }, partition) =>
      followPartition({ broker, topic, partition, from: end }, listen, { context, signal }),
    ),
  )
}

async function followPartition(
  { broker, topic, partition, from }: { broker: Broker; topic: string; partition: number; from: number },
  listen: Hear,
  { context, signal }: { context: Context; signal: AbortSignal },
): Promise<void> {
  for (let offset = from; !signal.aborted;) {
    const take = listen(partition)
    try {
      for await (const batch of broker.read(topic, partition, offset, signal)) {
        offset = (batch.records.at(-1)?.offset ?? offset - 1) + 1
        if (batch.records.length > 0) take(batch)
      }
    } catch (error) {
      if (!(error instanceof StockpipeError)) throw error
      context.log.warn('live.followed_anew', { topic, partition, error })
      await context.clock.sleep(1_000, signal)
      const bounds = await broker.bounds(topic).catch(() => [])
      offset = bounds[partition]?.start ?? 0
    }
  }
}

/** Trades are told as the log has them, by the same rules that put them into the table. The windows that come of it are nobody's. */
const tradesOf =
  ({ windows, context }: TopicLiveOptions, publish: (update: LiveUpdate) => void): Hear =>
  (number) => {
    const start = { partition: number, incarnation: context.clock.now(), truncated: false, committed: null }
    const partition = new Partition(windows, start)
    return (batch) => {
      partition.fold(batch)
      partition.forgetProcessed()
      const { trades } = partition.take({ flush: false })
      if (trades.length > 0) publish({ trades, windows: [], candles: [], latest: [] })
    }
  }

const rowsOf =
  (publish: (update: LiveUpdate) => void, positions: Positions): Hear =>
  () =>
  ({ records }) => {
    const windows: Stamped<WindowRow>[] = []
    const candles: Stamped<CandleRow>[] = []
    const latest: Stamped<LatestRow>[] = []
    let storedAt = Number.POSITIVE_INFINITY
    for (const { key, value, headers } of records) {
      const row = parse(value)
      if (row === null) continue
      const [, kind] = (key ?? '').split('|')
      const at = Number(headers[STORED] ?? Number.NaN)
      if (isTime(at)) storedAt = Math.min(storedAt, at)
      if (kind === 'window') windows.push(row as Stamped<WindowRow>)
      else if (kind === 'candle') candles.push(row as Stamped<CandleRow>)
      else if (kind === 'latest') latest.push(row as Stamped<LatestRow>)
      else positions.hear(row)
    }
    publish({ trades: [], windows, candles, latest, ...(Number.isFinite(storedAt) ? { storedAt } : {}) })
  }

/** Null for what no processor of ours wrote. */
function parse(value: Uint8Array | null): Row | null {
  try {
    const row: unknown = value === null ? null : JSON.parse(Buffer.from(value).toString())
    return typeof row === 'object' && row !== null && 'stamp' in row && 'symbol' in row ? (row as Row) : null
  } catch {
    return null
  }
}
