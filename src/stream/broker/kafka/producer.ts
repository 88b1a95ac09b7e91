import { CompressionTypes } from 'kafkajs'
import type { Cluster } from './internals.ts'

import { Connection, type ConnectionSettings } from './connection.ts'
import { responseOf, toStockpipeError, typeOf } from './failure.ts'
import { type Batch, type Call, type Identity, Lane } from './lane.ts'
import type { Node, ProduceResponse } from './protocol.ts'
import type { Appended, NewRecord } from '../../broker.ts'
import { partitionOf } from '../partitioner.ts'
import type { Clock } from '../../../clock.ts'
import { StockpipeError } from '../../../errors.ts'
import type { Log } from '../../../telemetry.ts'

/** Appends wait while more than this waits to be sent. */
const QUEUE_BYTES = 64 * 1024 * 1024
const COMPRESS_FROM_BYTES = 1_024
const ACK_ALL = -1
const ACK_MS = 8_000
/** How long a call waits for Kafka before it tells its caller what is wrong. The records stay in the queue. */
const PATIENCE_MS = 3_000
const RETRY_FIRST_MS = 50
const IDENTITY_TRIES = 40
const RETRY_LONGEST_MS = 2_000
/** A record costs about this much besides key, value and headers. */
const RECORD_OVERHEAD = 64

/**
 * Appends to one topic. Idempotent: a batch whose acknowledgement was lost is sent again unchanged, with the same
 * sequence numbers, until Kafka answers, so that a process puts each record into the log once. That is why a batch is
 * never dropped or mixed anew: of another batch with the same numbers Kafka would say that it has it already.
 * What comes while a request is under way goes with the next one: there is no waiting time when it is quiet.
 */
export class TopicProducer implements AsyncDisposable {
  readonly #topic: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #connection: Connection
  readonly #calls = new Map<readonly NewRecord[], Call>()
  /** Brokers with a request under way: one each. */
  readonly #busyNodes = new Set<string>()
  readonly #closed = new AbortController()
  #lanes: readonly Lane[] = []
  #preparing: Promise<void> | null = null
  /** Calls are queued in the order in which they came. */
  #turn: Promise<unknown> = Promise.resolve()
  #queued = 0
  #space = Promise.withResolvers<void>()

  constructor(topic: string, settings: ConnectionSettings & { clock: Clock }) {
    this.#topic = topic
    this.#clock = settings.clock
    this.#log = settings.log
    this.#connection = new Connection(settings, [topic])
  }

  /**
   * Resolves when all replicas in sync have the records. While Kafka cannot take them it throws what is wrong, and
   * goes on trying: a call with the very same array joins the one under way.
   */
  async append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (records.length === 0) return []
    const { acked } = this.#calls.get(records) ?? this.#begin(records)
    const patience = new AbortController()
    const late = this.#clock.sleep(PATIENCE_MS, patience.signal).then(() => null)
    try {
      const results = await Promise.race([acked.promise, late])
      if (results !== null) return results
      throw this.#failure()
    } finally {
      patience.abort()
    }
  }

  /** Gives what is queued a last moment, then fails what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const patience = new AbortController()
    const calls = [...this.#calls.values()].map(({ acked }) => acked.promise)
    await Promise.race([Promise.allSettled(calls), this.#clock.sleep(PATIENCE_MS, patience.signal)])
    patience.abort()
    this.#closed.abort()
    await this.#connection[Symbol.asyncDispose]()
    for (const { acked } of this.#calls.values()) acked.reject(this.#failure())
  }

  #begin(records: readonly NewRecord[]): Call {
    const call: Call = { results: [], left: records.length, acked: Promise.withResolvers() }
    this.#calls.set(records, call)
    const admitted = this.#turn.then(() => this.#admit(records, call))
    this.#turn = admitted.catch((error: unknown) => call.acked.reject(error))
    const forget = () => void this.#calls.delete(records)
    call.acked.promise.then(forget, forget)
    return call
  }

  /** Throws before anything is queued, or queues all of it. */
  async #admit(records: readonly NewRecord[], call: Call): Promise<void> {
    if (this.#lanes.length === 0) await this.#prepare()
    while (this.#queued > QUEUE_BYTES) await this.#space.promise
    const lanes = records.map((record) => this.#laneOf(record))
    for (const [at, record] of records.entries()) {
      const { key, value, headers } = record
      const bytes = sizeOf(record)
      this.#queued += bytes
      lanes[at]?.push({ call, at, message: { key, value: bufferOf(value), headers }, bytes })
    }
    this.#pump()
  }

  /** Learns the partitions, and gets the numbers under which this process counts. */
  #prepare(): Promise<void> {
    this.#preparing ??= this.#connection
      .use(`append to ${this.#topic}`, async (cluster) => {
        const partitions = cluster.findTopicPartitionMetadata(this.#topic)
        const identity = await this.#newIdentity(cluster)
        this.#lanes = partitions.map((_, partition) => new Lane(partition, identity))
      })
      .finally(() => (this.#preparing = null))
    return this.#preparing
  }

  #laneOf({ key, partition }: NewRecord): Lane {
    const wanted = partition ?? (key === null ? 0 : partitionOf(key, this.#lanes.length))
    const lane = this.#lanes[wanted]
    if (lane === undefined) throw new StockpipeError('internal', `${this.#topic} has no partition ${wanted}`)
    return lane
  }

  #pump(): void {
    if (this.#closed.signal.aborted) return
    const batches = this.#lanes.flatMap((lane) => (lane.isBusy ? [] : (lane.batch ?? [])))
    if (batches.length > 0) void this.#dispatch(batches)
  }

  /** To each broker that is free, one request with the batches of the partitions it leads. */
  async #dispatch(batches: readonly Batch[]): Promise<void> {
    try {
      await this.#connection.raw(async (cluster) => {
        await cluster.refreshMetadataIfNecessary()
        const partitions = cluster.findTopicPartitionMetadata(this.#topic)
        const leaders = new Map(partitions.map(({ partitionId, leader }) => [partitionId, String(leader)]))
        // Meanwhile another call may have sent some of them.
        const waiting = batches.filter((batch) => !batch.lane.isBusy && batch.lane.batch === batch)
        const byNode = Map.groupBy(waiting, ({ lane }) => leaders.get(lane.partition) ?? 'none')
        for (const [node, group] of byNode) if (!this.#busyNodes.has(node)) void this.#sendTo(node, group, cluster)
      })
    } catch (error) {
      this.#park(
        batches.filter((batch) => !batch.lane.isBusy && batch.lane.batch === batch),
        error,
      )
    }
  }

  /** Batches of another identity wait for the next request. */
  async #sendTo(node: string, group: readonly Batch[], cluster: Cluster): Promise<void> {
    const batches = group.filter(({ lane }) => lane.identity === group[0]?.lane.identity)
    this.#busyNodes.add(node)
    for (const { lane } of batches) lane.isBusy = true
    try {
      await this.#connection.raw(async () => this.#produce(await cluster.findBroker({ nodeId: node }), batches))
      for (const { lane } of batches) lane.isBusy = false
    } catch (error) {
      for (const { lane } of batches) lane.isBusy = false
      this.#park(
        batches.filter((batch) => batch.lane.batch === batch),
        error,
      )
    } finally {
      this.#busyNodes.delete(node)
      this.#pump()
    }
  }

  async #produce(node: Node, batches: readonly Batch[]): Promise<void> {
    const bytes = batches.reduce((sum, { items }) => sum + items.reduce((total, item) => total + item.bytes, 0), 0)
    const partitions = batches.map(({ lane, firstSequence, items }) => ({
      partition: lane.partition,
      firstSequence,
      messages: items.map(({ message }) => message),
    }))
    const identity = batches[0]?.lane.identity
    const request = {
      topicData: [{ topic: this.#topic, partitions }],
      producerId: identity?.producerId,
      producerEpoch: identity?.producerEpoch ?? 0,
      acks: ACK_ALL,
      timeout: ACK_MS,
      compression: bytes >= COMPRESS_FROM_BYTES ? CompressionTypes.ZSTD : CompressionTypes.None,
    }
    try {
      this.#acknowledge(batches, await node.produce(request))
    } catch (error) {
      const response = responseOf(error) as ProduceResponse | undefined
      if (response === undefined) throw error
      await this.#sortOut(batches, response, error)
    }
  }

  /** Some partitions of a request failed: what succeeded counts, the rest is mended where that can be done here. */
  async #sortOut(batches: readonly Batch[], response: ProduceResponse, error: unknown): Promise<void> {
    const answers = this.#acknowledge(batches, response)
    let isMended = true
    for (const batch of batches) {
      const code = answers.get(batch.lane.partition)?.errorCode ?? 0
      if (isWritten(code)) continue
      if (code === TOO_LARGE && batch.lane.halve(batch)) continue
      if (FORGOTTEN.has(code)) await this.#beginAnew(batch.lane, code)
      isMended = false
    }
    if (!isMended) throw error
  }

  #acknowledge(batches: readonly Batch[], response: ProduceResponse) {
    const partitions = response.topics.flatMap(({ partitions }) => partitions)
    const answers = new Map(partitions.map((answer) => [answer.partition, answer]))
    let isAnswered = true
    for (const batch of batches) {
      const answer = answers.get(batch.lane.partition)
      isAnswered &&= answer !== undefined
      if (answer !== undefined && isWritten(answer.errorCode)) this.#settle(batch, Number(answer.baseOffset))
    }
    // Nothing said is nothing acknowledged.
    if (!isAnswered) throw new StockpipeError('unreachable', 'Kafka said nothing of a partition', { retryable: true })
    return answers
  }

  #settle(batch: Batch, baseOffset: number): void {
    const { partition } = batch.lane
    batch.lane.acknowledged(batch)
    for (const [index, { call, at, bytes }] of batch.items.entries()) {
      call.results[at] = { partition, offset: baseOffset + index, duplicate: false }
      this.#queued -= bytes
      if (--call.left === 0) call.acked.resolve(call.results)
    }
    if (this.#queued > QUEUE_BYTES) return
    this.#space.resolve()
    this.#space = Promise.withResolvers()
  }

  /** Kafka has forgotten this producer: a batch in doubt may now be appended twice, which readers recognise. */
  async #beginAnew(lane: Lane, code: number): Promise<void> {
    this.#log.warn('kafka.producer_anew', { topic: this.#topic, partition: lane.partition, error_code: code })
    lane.beginAnew(await this.#connection.raw((cluster) => this.#newIdentity(cluster)))
  }

  /** A broker that runs out of numbers asks for more, and meanwhile says that it is loading. */
  async #newIdentity(cluster: Cluster): Promise<Identity> {
    const node = await cluster.findControllerBroker()
    for (let tries = 1; ; tries++) {
      try {
        return await node.initProducerId({ transactionTimeout: 60_000 })
      } catch (error) {
        if (typeOf(error) !== 'GROUP_LOAD_IN_PROGRESS' || tries >= IDENTITY_TRIES) throw error
        await this.#clock.sleep(RETRY_FIRST_MS, this.#closed.signal)
      }
    }
  }

  /** Tries these again after a moment that grows; everything else goes on. */
  #park(batches: readonly Batch[], error: unknown): void {
    if (batches.length === 0 || this.#closed.signal.aborted) return
    const failure = toStockpipeError(error, `append to ${this.#topic}`)
    this.#log.debug('kafka.append_retried', { topic: this.#topic, why: failure.message })
    let retries = 0
    for (const { lane } of batches) {
      lane.isBusy = true
      lane.failure = failure
      retries = Math.max(retries, lane.retries++)
    }
    void this.#resume(batches, Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(retries, 10)))
  }

  async #resume(batches: readonly Batch[], pause: number): Promise<void> {
    await this.#clock.sleep(pause, this.#closed.signal)
    if (this.#closed.signal.aborted) return
    await this.#connection.raw((cluster) => cluster.refreshMetadata()).catch(() => {})
    for (const { lane } of batches) lane.isBusy = false
    this.#pump()
  }

  #failure(): StockpipeError {
    return (
      this.#lanes.find(({ failure }) => failure !== null)?.failure ??
      new StockpipeError('unreachable', `cannot append to ${this.#topic}: Kafka does not answer`, {
        why: `it said nothing for ${PATIENCE_MS / 1_000} s`,
        hint: 'check that the brokers run and that --kafka-brokers names them',
        retryable: true,
      })
    )
  }
}

const TOO_LARGE = 10
/** Older than the batches that the broker remembers: it has it, and no longer knows where. */
const DUPLICATE_SEQUENCE = 46
/** Out of order, unknown producer, invalid epoch: the sequence numbers mean nothing to the broker any more. */
const FORGOTTEN: ReadonlySet<number> = new Set([45, 47, 59])

const isWritten = (code: number): boolean => code === 0 || code === DUPLICATE_SEQUENCE

function bufferOf(value: Uint8Array | null): Buffer | null {
  if (value === null || value instanceof Buffer) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function sizeOf({ key, value, headers }: NewRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0) + 2
  return bytes
}
