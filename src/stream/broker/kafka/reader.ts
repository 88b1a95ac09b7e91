import { type Cluster, createErrorFromCode, LEADER_NOT_AVAILABLE } from './internals.ts'

import { Connection, type ConnectionSettings } from './connection.ts'
import { toStockpipeError, typeOf } from './failure.ts'
import { Cursor, type Times } from './cursor.ts'
import { decodeRecordBatches } from './record-batch.ts'
import { fetch, type FetchedPartition } from './requests.ts'
import type { Batch, Bounds } from '../../broker.ts'
import { Trouble } from '../../trouble.ts'
import type { Clock } from '../../../clock.ts'
import { StockpipeError } from '../../../errors.ts'
import type { Health, Log } from '../../../telemetry.ts'

export interface ReaderSettings extends ConnectionSettings {
  clock: Clock
  log: Log
  health: Health
  bounds(): Promise<readonly Bounds[]>
}

/** How long a broker waits for records before it says that there are none. */
const WAIT_MS = 100
/** Least time between the beginnings of two fetches from a broker. */
const PACE_MS = 4
const FETCH_BYTES = 8 * 1024 * 1024
const PARTITION_BYTES = 256 * 1024
const OUT_OF_RANGE = 1
const RETRY_FIRST_MS = 50
const RETRY_LONGEST_MS = 2_000

/**
 * Reads partitions of one topic, each from an offset of its own, for as many readers as there are. Each broker has one
 * fetch under way, for every cursor that has room: the next records come while the last ones are still worked on.
 */
export class TopicReader implements AsyncDisposable {
  readonly #topic: string
  readonly #settings: ReaderSettings
  readonly #connection: Connection
  readonly #cursors = new Set<Cursor>()
  readonly #busyNodes = new Set<number>()
  /** When each broker was last asked. */
  readonly #fetchedAt = new Map<number, number>()
  /** The leader of each partition, as last known. */
  #nodes: ReadonlyMap<number, number> = new Map()
  readonly #closed = new AbortController()
  readonly #trouble: Trouble
  #isWaiting = false
  #failures = 0
  /** The topic was not there for a while: what is there now may be another one. */
  #wasGone = false

  constructor(topic: string, settings: ReaderSettings) {
    this.#topic = topic
    this.#settings = settings
    this.#connection = new Connection(settings, [topic])
    this.#trouble = new Trouble('log', settings)
  }

  /** Ends when `signal` aborts or the log is closed. Throws `log-changed` when the offset is beyond the log's end. */
  async *read(partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch> {
    using trouble = new Trouble('log', this.#settings)
    const cursor = new Cursor({ partition, offset }, { hungry: () => this.#pump(), trouble })
    const end = () => cursor.close()
    const stop = AbortSignal.any([signal, this.#closed.signal])
    stop.addEventListener('abort', end)
    this.#cursors.add(cursor)
    if (stop.aborted) end()
    this.#pump()
    try {
      for (let batch = await cursor.next(); batch !== null; batch = await cursor.next()) yield batch
    } finally {
      stop.removeEventListener('abort', end)
      this.#cursors.delete(cursor)
      if (this.#cursors.size === 0) this.#trouble[Symbol.dispose]()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#trouble[Symbol.dispose]()
    await this.#connection[Symbol.asyncDispose]()
  }

  #pump(): void {
    if (this.#isWaiting || this.#closed.signal.aborted) return
    const hungry = [...this.#cursors].filter((cursor) => cursor.isHungry && !this.#isServed(cursor))
    if (hungry.length > 0) void this.#dispatch(hungry)
  }

  /** Its broker has a fetch under way, and the next one takes it along. */
  #isServed({ partition }: Cursor): boolean {
    const node = this.#nodes.get(partition)
    return node !== undefined && this.#busyNodes.has(node)
  }

  async #dispatch(cursors: readonly Cursor[]): Promise<void> {
    try {
      await this.#connection.raw(async (cluster) => {
        await cluster.refreshMetadataIfNecessary()
        const partitions = cluster.findTopicPartitionMetadata(this.#topic)
        this.#nodes = new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader]))
        const hungry = cursors.filter((cursor) => cursor.isHungry)
        for (const [node, group] of Map.groupBy(hungry, ({ partition }) => this.#nodes.get(partition)))
          if (node === undefined) for (const cursor of group) cursor.fail(noPartition(this.#topic, cursor))
          else if (node < 0)
            for (const cursor of group) void this.#rest(cursor, createErrorFromCode(LEADER_NOT_AVAILABLE))
          else if (!this.#busyNodes.has(node)) void this.#fetchFrom(node)
      })
    } catch (error) {
      await this.#failed(error)
    }
  }

  /** For every cursor that has room. Soon after the last fetch it waits a moment: many small ones cost more than they bring. */
  async #fetchFrom(node: number): Promise<void> {
    this.#busyNodes.add(node)
    const { clock } = this.#settings
    const pause = (this.#fetchedAt.get(node) ?? -PACE_MS) + PACE_MS - clock.elapsed()
    if (pause > 0) await clock.sleep(pause, this.#closed.signal)
    this.#fetchedAt.set(node, clock.elapsed())
    const group = [...this.#cursors].filter((cursor) => cursor.isHungry && this.#nodes.get(cursor.partition) === node)
    for (const cursor of group) cursor.isFetching = true
    let failure: unknown = null
    try {
      if (group.length > 0) await this.#connection.raw((cluster) => this.#fetch(node, group, cluster))
      this.#worked()
    } catch (error) {
      failure = error
    }
    for (const cursor of group) cursor.isFetching = false
    this.#busyNodes.delete(node)
    if (failure === null) this.#pump()
    else await this.#failed(failure)
  }

  async #fetch(node: number, group: readonly Cursor[], cluster: Cluster): Promise<void> {
    const { clock } = this.#settings
    const broker = await cluster.findBroker({ nodeId: String(node) })
    const startedAt = clock.now()
    // One cursor for each partition of a request: of several, the one that has waited longest.
    const cursors = new Map<number, Cursor>()
    for (const cursor of group) if (!cursors.has(cursor.partition)) cursors.set(cursor.partition, cursor)
    for (const cursor of cursors.values()) this.#putLast(cursor)
    const parts = await fetch(broker, {
      topic: this.#topic,
      maxWait: WAIT_MS,
      maxBytes: FETCH_BYTES,
      partitions: [...cursors.values()].map(({ partition, offset }) => ({
        partition,
        offset,
        maxBytes: PARTITION_BYTES,
      })),
    })
    const times = { startedAt, endedAt: clock.now() }
    if (this.#wasGone && parts.some(({ errorCode }) => errorCode === 0)) return this.#returned()
    for (const part of parts) {
      const cursor = cursors.get(part.partition)
      if (cursor === undefined) continue
      if (part.errorCode === 0) await this.#deliver(cursor, part, times)
      else if (part.errorCode !== OUT_OF_RANGE || !(await this.#moveIntoRange(cursor)))
        void this.#rest(cursor, createErrorFromCode(part.errorCode))
    }
  }

  async #deliver(cursor: Cursor, part: FetchedPartition, times: Times): Promise<void> {
    const decoded = await decodeRecordBatches(part.bytes, cursor.offset, part.aborted)
    cursor.deliver(decoded, { ...times, stableEnd: part.lastStableOffset })
    // An answer has room for so much only: who got something goes behind those who did not.
    if (decoded.endOffset !== null) this.#putLast(cursor)
    const { failure } = decoded
    if (failure !== null) return void this.#rest(cursor, unreadable(this.#topic, cursor, failure))
    if (cursor.failures > 0) cursor.trouble.over()
    cursor.failures = 0
  }

  #putLast(cursor: Cursor): void {
    if (this.#cursors.delete(cursor)) this.#cursors.add(cursor)
  }

  /** One partition is left alone for a while; the others go on. */
  async #rest(cursor: Cursor, error: unknown): Promise<void> {
    if (!this.#cursors.has(cursor)) return
    cursor.isResting = true
    this.#report(error, cursor.failures, cursor.trouble)
    await this.#pause(cursor.failures++)
    cursor.isResting = false
    this.#pump()
  }

  /** What is there now may be another topic of the same name, also where it has as many records: nothing of it is read on. */
  #returned(): void {
    this.#wasGone = false
    for (const cursor of this.#cursors) cursor.fail(topicReturned(this.#topic))
  }

  /** Retention took what was to be read next; or the log is another one, shorter than what was read. False: neither. */
  async #moveIntoRange(cursor: Cursor): Promise<boolean> {
    const { start, end } = (await this.#settings.bounds())[cursor.partition] ?? { start: 0, end: 0 }
    if (cursor.offset > end) {
      cursor.fail(logChanged(this.#topic, cursor, end))
      return true
    }
    if (cursor.offset >= start) return false
    this.#settings.log.warn('log.records_gone', {
      topic: this.#topic,
      partition: cursor.partition,
      from: cursor.offset,
      to: start,
      why: 'retention removed them before they were read',
    })
    cursor.moveTo(start)
    return true
  }

  #worked(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#trouble.over()
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#isWaiting || this.#closed.signal.aborted || this.#cursors.size === 0) return
    this.#isWaiting = true
    this.#report(error, this.#failures, this.#trouble)
    await this.#pause(this.#failures++)
    this.#isWaiting = false
    this.#pump()
  }

  #report(error: unknown, failures: number, trouble: Trouble): void {
    const failure = toStockpipeError(error, `read ${this.#topic}`)
    if (failure.code === 'topic-missing') this.#wasGone = true
    if (!isMoving(error) || failures > 5) trouble.failed(failure)
  }

  async #pause(failures: number): Promise<void> {
    const pause = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures, 10))
    await this.#settings.clock.sleep(pause, this.#closed.signal)
    if (this.#closed.signal.aborted) return
    await this.#connection.raw((cluster) => cluster.refreshMetadata()).catch(() => {})
  }
}

const unreadable = (topic: string, { partition, offset }: Cursor, cause: unknown): StockpipeError =>
  new StockpipeError('corrupt', `cannot read ${topic}: its partition ${partition} is damaged at offset ${offset}`, {
    hint: 'look at it with the tools of Kafka; nothing is skipped, the other partitions go on',
    retryable: true,
    cause,
  })

const noPartition = (topic: string, { partition }: Cursor): StockpipeError =>
  new StockpipeError('not-found', `${topic} has no partition ${partition}`)

const topicReturned = (topic: string): StockpipeError =>
  new StockpipeError('log-changed', `${topic} was away for a while`, {
    why: 'it may have been deleted and made anew',
  })

const logChanged = (topic: string, { partition, offset }: Cursor, end: number): StockpipeError =>
  new StockpipeError('log-changed', `${topic} ends before what was read of it`, {
    why: `partition ${partition} ends at ${end}, and ${offset} was to be read: it is a new topic of the same name, or lost its tail`,
  })

/** Part of every restart of a broker: not worth a word when it is over at once. */
const isMoving = (error: unknown): boolean =>
  ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH'].includes(
    typeOf(error) ?? '',
  )
