import type { Batch, NewRecord } from './broker.ts'
import { encodeValue, type Framing, gapHeaders, type GapMark, sealHeaders } from './codec.ts'
import type { Live } from './live.ts'
import type { BadRecord, FoldResult, Partition } from './partition.ts'
import { retry } from './retry.ts'
import { RowQueue } from './row-queue.ts'
import { noRows, type Store, type Tables } from './store.ts'
import type { RowSink, WindowSettings } from './symbol-windows.ts'
import { timedWrite } from './timed-write.ts'
import { deadLetterTopic, lateTopic, type TopicOptions } from './topics.ts'
import type { Observer, Place } from './observer.ts'
import { StockpipeError } from '../errors.ts'
import type { LateRow } from '../trade.ts'
import type { Context } from '../telemetry.ts'

export interface ProcessorOptions extends TopicOptions {
  store: Store
  live: Live
  context: Context
  group: string
  framing: Framing
  /** Of the schema in the registry, for confluent framing. */
  schemaId?: number
  windows: WindowSettings
  /** Silence (ms) after which a window may be closed by the clock. */
  idle: number
  /** Least time (ms) between two writes of an open row. */
  flush: number
  /** More bad records than this (percent of the last 1,000) and the partition stands still. */
  maxBadPercent: number
  /** Nothing moves for so long (ms) though there is something to do, and the process ends; null: never. */
  stallLimit: number | null
  /** Aborts when the input has ended: what is in the log is all there will be. */
  drained: AbortSignal
}

/** How the rows of a partition go: trades at once, the others through its queue. */
export interface Way {
  queue: RowQueue
  /** Aborts when waiting is over. */
  signal: AbortSignal
  /** Aborts when the partition is somebody else's: from then on nothing is written. */
  fence: AbortSignal
}

/** Everything that leaves the processor: rows, late trades, dead letters, seals, live updates, numbers. */
export class Outlet {
  readonly #options: ProcessorOptions
  readonly #observer: Observer
  readonly #deadLetters = new WeakMap<Partition, NewRecord[]>()

  constructor(options: ProcessorOptions, observer: Observer) {
    this.#options = options
    this.#observer = observer
  }

  /** For the rows of one partition. */
  way(signal: AbortSignal, fence: AbortSignal): Way {
    return { queue: new RowQueue((rows) => this.#store(rows, { signal, fence })), signal, fence }
  }

  /**
   * Resolves when the trades and dead letters of the partition so far are acknowledged, the other rows are in the
   * queue, and there is room for more. What is acknowledged, and only that, is told to others.
   */
  async write(partition: Partition, rows: RowSink, way: Way): Promise<void> {
    const { context, live } = this.#options
    const { trades, ...others } = rows
    using _paused = context.metrics.paused.begin(context.clock)
    await this.#appendDeadLetters(partition, way.signal)
    way.queue.add({ trades: [], ...others })
    if (trades.length > 0) await this.#store({ ...noRows(), trades }, way)
    await way.queue.room()
    await live.room(way.signal)
    this.#observer.acknowledged(partition)
  }

  async #store(rows: RowSink, { signal, fence }: Pick<Way, 'signal' | 'fence'>): Promise<void> {
    const { store, live, context } = this.#options
    const write = () => (fence.aborted ? Promise.reject(notOwner()) : timedWrite(store, rows, context))
    await retry('store', write, { context, signal })
    if (rows.late.length > 0) await this.#append(lateTopic(this.#options.topic), rows.late.map(lateRecord), signal)
    this.#observer.written(rows)
    live.publish({ ...rows, storedAt: context.clock.now() })
  }

  /** Reads the newest price of each symbol that the engine has met for the first time. */
  async learnLatest(partition: Partition, signal: AbortSignal): Promise<void> {
    const symbols = partition.engine.unknownPrices()
    if (symbols.length === 0) return
    const { store, context } = this.#options
    using _paused = context.metrics.paused.begin(context.clock)
    const known = new Map<string, Tables['latest']>()
    const read = async () => {
      for await (const rows of store.read('latest', { symbols })) for (const row of rows) known.set(row.symbol, row)
    }
    await retry('store', read, { context, signal })
    for (const symbol of symbols) partition.engine.learnLatest(symbol, known.get(symbol) ?? null)
  }

  observe(partition: Partition, batch: Batch, result: FoldResult): void {
    const { topic } = this.#options
    if (result.bad.length > 0) {
      const waiting = this.#deadLetters.get(partition) ?? []
      this.#deadLetters.set(partition, [...waiting, ...result.bad.map((bad) => deadLetter(bad, topic, partition))])
    }
    this.#observer.folded(partition, batch, result)
    this.#options.live.progress(partition.number, partition.position)
  }

  /** A partition that nobody goes on with. `unread`: when the record at its position was appended (unix ms). */
  standsStill(place: Place, unread: number | undefined, end: number): void {
    this.#observer.standsStill(place, { unread, end })
  }

  left(place: Place): void {
    this.#observer.left(place)
  }

  /** Moves the partition's watermark for every reader of the log, after a long silence. */
  async seal(partition: Partition, watermark: number, signal: AbortSignal): Promise<void> {
    const { topic, framing, schemaId, context } = this.#options
    context.log.info('processor.seal', { partition: partition.number, watermark })
    const headers = sealHeaders(watermark, framing)
    const record = { key: null, value: encodeValue([], framing, schemaId), headers, partition: partition.number }
    await this.#append(topic, [record], signal)
  }

  /** Through the log, so that every reader of it knows, in order. */
  async gaps(partition: Partition, gaps: readonly GapMark[], signal: AbortSignal): Promise<void> {
    const { topic, framing, schemaId, context } = this.#options
    if (gaps.length === 0) return
    context.log.warn('processor.gap', { partition: partition.number, gaps: gaps.length, first: gaps[0] })
    const value = encodeValue([], framing, schemaId)
    const record = (gap: GapMark): NewRecord => ({
      key: gap.symbol,
      value,
      headers: gapHeaders(gap, framing),
      partition: partition.number,
    })
    await this.#append(topic, gaps.map(record), signal)
  }

  async #appendDeadLetters(partition: Partition, signal: AbortSignal): Promise<void> {
    const records = this.#deadLetters.get(partition)
    if (records === undefined) return
    this.#deadLetters.delete(partition)
    await this.#append(deadLetterTopic(this.#options.topic), records, signal)
  }

  async #append(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<void> {
    const { broker, context } = this.#options
    await retry('log', () => broker.append(topic, records), { context, signal })
  }
}

const notOwner = (): StockpipeError => new StockpipeError('not-owner', 'the partition is not ours any more')

const lateRecord = (row: LateRow): NewRecord => ({
  key: row.symbol,
  value: Buffer.from(JSON.stringify(row)),
  headers: { late_by_ms: String(row.late_by_ms) },
})

const deadLetter = ({ record, reason, detail }: BadRecord, topic: string, partition: Partition): NewRecord => ({
  key: record.key,
  value: record.value,
  headers: {
    origin: topic,
    error: detail,
    reason,
    topic,
    partition: String(partition.number),
    offset: String(record.offset),
  },
})
