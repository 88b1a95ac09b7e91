import type { Cluster } from './internals.ts'

import { Connection, type ConnectionSettings } from './connection.ts'
import { responseOf, toStockpipeError, typeOf } from './failure.ts'
import { Cursor } from './cursor.ts'
import type { FetchResponse } from './protocol.ts'
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
const FETCH_BYTES = 8 * 1024 * 1024
const PARTITION_BYTES = 256 * 1024
const READ_COMMITTED = 1
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
  readonly #busyNodes = new Set<string>()
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
    const cursor = new Cursor(partition, offset, () => this.#pump())
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
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#trouble[Symbol.dispose]()
    await this.#connection[Symbol.asyncDispose]()
  }

  #pump(): void {
    if (this.#isWaiting || this.#closed.signal.aborted) return
    const hungry = [...this.#cursors].filter((cursor) => cursor.isHungry)
    if (hungry.length > 0) void this.#dispatch(hungry)
  }

  async #dispatch(cursors: readonly Cursor[]): Promise<void> {
    try {
      await this.#connection.raw(async (cluster) => {
        await cluster.refreshMetadataIfNecessary()
        const partitions = cluster.findTopicPartitionMetadata(this.#topic)
        const leaders = new Map(partitions.map(({ partitionId, leader }) => [partitionId, String(leader)]))
        for (const cursor of cursors)
          if (!leaders.has(cursor.partition))
            cursor.fail(new StockpipeError('not-found', `${this.#topic} has no partition ${cursor.partition}`))
        const byNode = Map.groupBy(
          cursors.filter((cursor) => cursor.isHungry),
          ({ partition }) => leaders.get(partition) ?? 'none',
        )
        for (const [node, group] of byNode) if (!this.#busyNodes.has(node)) void this.#fetchFrom(node, group, cluster)
      })
    } catch (error) {
      await this.#failed(error)
    }
  }

  async #fetchFrom(node: string, group: readonly Cursor[], cluster: Cluster): Promise<void> {
    this.#busyNodes.add(node)
    for (const cursor of group) cursor.isFetching = true
    let failure: unknown = null
    try {
      await this.#connection.raw(() => this.#fetch(node, group, cluster))
      this.#worked()
    } catch (error) {
      failure = error
    }
    for (const cursor of group) cursor.isFetching = false
    this.#busyNodes.delete(node)
    if (failure === null) this.#pump()
    else await this.#failed(failure)
  }

  async #fetch(node: string, group: readonly Cursor[], cluster: Cluster): Promise<void> {
    const { clock } = this.#settings
    const broker = await cluster.findBroker({ nodeId: node })
    const startedAt = clock.now()
    // One cursor for each partition of a request: of several, the one that has waited longest.
    const cursors = new Map(group.toReversed().map((cursor) => [cursor.partition, cursor]))
    for (const cursor of cursors.values()) if (this.#cursors.delete(cursor)) this.#cursors.add(cursor)
    const partitions = [...cursors.values()].map(({ partition, offset }) => ({
      partition,
      fetchOffset: String(offset),
      maxBytes: PARTITION_BYTES,
    }))
    const request = {
      isolationLevel: READ_COMMITTED,
      maxWaitTime: WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      topics: [{ topic: this.#topic, partitions }],
    }
    const { answer, error } = await answered(() => broker.fetch(request))
    const times = { startedAt, endedAt: clock.now() }
    let isCured = true
    for (const { topicName, partitions: fetched } of answer.responses)
      for (const part of topicName === this.#topic ? fetched : []) {
        const cursor = cursors.get(part.partition)
        if (cursor === undefined) continue
        if (part.errorCode === 0) cursor.deliver(part, times)
        else if (part.errorCode !== OUT_OF_RANGE || !(await this.#moveIntoRange(cursor))) isCured = false
      }
    if (!isCured) throw error
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
    cursor.offset = start
    return true
  }

  #worked(): void {
    if (this.#failures === 0) return
    if (this.#wasGone) for (const cursor of this.#cursors) cursor.fail(topicReturned(this.#topic))
    this.#wasGone = false
    this.#failures = 0
    this.#trouble.over()
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#isWaiting || this.#closed.signal.aborted) return
    this.#isWaiting = true
    const failure = toStockpipeError(error, `read ${this.#topic}`)
    if (failure.code === 'topic-missing') this.#wasGone = true
    if (!isMoving(error) || this.#failures > 5) this.#trouble.failed(failure)
    const pause = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failures++, 10))
    await this.#settings.clock.sleep(pause, this.#closed.signal)
    await this.#connection.raw((cluster) => cluster.refreshMetadata()).catch(() => {})
    this.#isWaiting = false
    this.#pump()
  }
}

/** Where some partitions failed the others still answered. */
async function answered(fetch: () => Promise<FetchResponse>): Promise<{ answer: FetchResponse; error: unknown }> {
  try {
    return { answer: await fetch(), error: null }
  } catch (error) {
    const answer = responseOf(error) as FetchResponse | undefined
    if (answer === undefined) throw error
    return { answer, error }
  }
}

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
  ['NOT_LEADER_FOR_PARTITION', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH'].includes(typeOf(error) ?? '')
