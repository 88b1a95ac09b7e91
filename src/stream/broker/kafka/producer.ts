import { type Cluster, createErrorFromCode, LEADER_NOT_AVAILABLE } from './internals.ts'

import { Connection, type ConnectionSettings } from './connection.ts'
import { toStockpipeError, typeOf } from './failure.ts'
import { type Batch, type Call, type Identity, Lane } from './lane.ts'
import type { Node } from './protocol.ts'
import { encodeRecordBatch } from './record-batch.ts'
import { produce, type ProducedPartition } from './requests.ts'
import type { Appended, NewRecord } from '../../broker.ts'
import { partitionOf } from '../partitioner.ts'
import type { Clock } from '../../../clock.ts'
import { StockpipeError } from '../../../errors.ts'
import type { Log } from '../../../telemetry.ts'

/** Appends wait while more than this waits to be sent. */
const QUEUE_BYTES = 64 * 1024 * 1024
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
  /** Calls whose caller was told to come again, and has not done so yet: the outcome waits for it. */
  readonly #unheard = new WeakMap<readonly NewRecord[], Call>()
  /** Brokers with a request under way: one each. */
  readonly #busyNodes = new Set<number>()
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
   * goes on trying: a call with the very same array joins the one under way, or learns how it ended.
   */
  async append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (records.length === 0) return []
    const call = this.#calls.get(records) ?? this.#unheard.get(records) ?? this.#begin(records)
    this.#unheard.delete(records)
    const patience = new AbortController()
    const late = this.#clock.sleep(PATIENCE_MS, patience.signal).then(() => null)
    try {
      const results = await Promise.race([call.acked.promise, late])
      if (results !== null) return results
      this.#unheard.set(records, call)
      throw this.#failure(call)
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
    for (const call of this.#calls.values()) call.acked.reject(this.#failure(call))
  }

  #begin(records: readonly NewRecord[]): Call {
    const call: Call = { results: [], left: records.length, lanes: new Set(), acked: Promise.withResolvers() }
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
      const bytes = sizeOf(record)
      const lane = lanes[at]
      if (lane === undefined) continue
      this.#queued += bytes
      call.lanes.add(lane)
      lane.push({ call, at, record, bytes })
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
        const leaders = new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader]))
        // Meanwhile another call may have sent some of them.
        const byNode = Map.groupBy(batches.filter(isWaiting), ({ lane }) => leaders.get(lane.partition) ?? NOT_THERE)
        for (const [node, group] of byNode)
          if (node === NOT_THERE) this.#park(group, partitionsGone(this.#topic, partitions.length))
          else if (node < 0) this.#park(group, createErrorFromCode(LEADER_NOT_AVAILABLE))
          else if (!this.#busyNodes.has(node)) void this.#sendTo(node, group)
      })
    } catch (error) {
      this.#park(batches.filter(isWaiting), error)
    }
  }

  async #sendTo(node: number, batches: readonly Batch[]): Promise<void> {
    this.#busyNodes.add(node)
    for (const { lane } of batches) lane.isBusy = true
    const failures = await this.#tried(node, batches)
    for (const { lane } of batches) lane.isBusy = false
    for (const [error, failed] of failures) this.#park(failed, error)
    this.#busyNodes.delete(node)
    this.#pump()
  }

  /** The batches to be sent again after a while, by what is wrong with them. */
  async #tried(node: number, batches: readonly Batch[]): Promise<ReadonlyMap<unknown, readonly Batch[]>> {
    try {
      return await this.#connection.raw(async (cluster) =>
        this.#produce(await cluster.findBroker({ nodeId: String(node) }), batches),
      )
    } catch (error) {
      return new Map([[error, batches.filter((batch) => batch.lane.batch === batch)]])
    }
  }

  async #produce(node: Node, batches: readonly Batch[]): Promise<ReadonlyMap<unknown, readonly Batch[]>> {
    const timestamp = this.#clock.now()
    const answers = await produce(node, {
      topic: this.#topic,
      timeout: ACK_MS,
      batches: batches.map(({ lane, firstSequence, items }) => ({
        partition: lane.partition,
        bytes: encodeRecordBatch(
          items.map(({ record }) => record),
          { ...lane.identity, baseSequence: firstSequence, timestamp },
        ),
      })),
    })
    return this.#sortOut(batches, new Map(answers.map((answer) => [answer.partition, answer])))
  }

  /** What succeeded counts; where partitions failed, that is mended here where it can be. */
  async #sortOut(
    batches: readonly Batch[],
    answers: ReadonlyMap<number, ProducedPartition>,
  ): Promise<ReadonlyMap<unknown, readonly Batch[]>> {
    const failures = new Map<unknown, readonly Batch[]>()
    // Nothing said is nothing acknowledged.
    const codes = Map.groupBy(batches, ({ lane }) => answers.get(lane.partition)?.errorCode ?? UNKNOWN_ERROR)
    for (const [code, group] of codes) {
      if (isWritten(code)) {
        for (const batch of group) this.#settle(batch, answers.get(batch.lane.partition)?.baseOffset ?? -1)
        continue
      }
      if (FORGOTTEN.has(code)) for (const { lane } of group) await this.#beginAnew(lane, code)
      const left = group.filter((batch) => code !== TOO_LARGE || !batch.lane.halve(batch))
      failures.set(createErrorFromCode(code), left)
    }
    return failures
  }

  #settle(batch: Batch, baseOffset: number): void {
    const { partition } = batch.lane
    batch.lane.acknowledged(batch)
    for (const [index, { call, at, bytes }] of batch.items.entries()) {
      call.results[at] = { partition, offset: baseOffset < 0 ? -1 : baseOffset + index, duplicate: false }
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
        const { producerId, producerEpoch } = await node.initProducerId({ transactionTimeout: 60_000 })
        return { producerId: BigInt(String(producerId)), producerEpoch }
      } catch (error) {
        if (typeOf(error) !== 'GROUP_LOAD_IN_PROGRESS' || tries >= IDENTITY_TRIES) throw error
        await this.#clock.sleep(RETRY_FIRST_MS, this.#closed.signal)
      }
    }
  }

  /** Tries these again after a moment that grows; everything else goes on. */
  #park(batches: readonly Batch[], error: unknown): void {
    if (batches.length === 0 || this.#closed.signal.aborted) return
    const failure = toStockpipeError(error, `append ${whatOf(batches)}to ${this.#topic}`)
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

  #failure({ lanes }: Call): StockpipeError {
    return (
      [...lanes].find(({ failure }) => failure !== null)?.failure ??
      new StockpipeError('unreachable', `cannot append to ${this.#topic}: Kafka does not answer`, {
        why: `it said nothing for ${PATIENCE_MS / 1_000} s`,
        hint: 'check that the brokers run and that --kafka-brokers names them',
        retryable: true,
      })
    )
  }
}

/** Not under way, and not acknowledged meanwhile. */
const isWaiting = (batch: Batch): boolean => !batch.lane.isBusy && batch.lane.batch === batch

/** Of a single record something can be said. */
function whatOf(batches: readonly Batch[]): string {
  const [item, other] = batches.flatMap(({ items }) => items)
  if (item === undefined || other !== undefined) return ''
  return `a record of ${item.bytes} bytes${item.record.key === null ? '' : ` (${item.record.key})`} `
}

const partitionsGone = (topic: string, count: number): StockpipeError =>
  new StockpipeError('topic-mismatch', `${topic} has fewer partitions than it had`, {
    why: `it was made anew with ${count} partitions`,
    hint: 'make it anew with the number of --partitions, or restart with --partitions as it is now',
    mendable: true,
  })

/** Instead of a leader; -1 is a partition without one. */
const NOT_THERE = -2
const UNKNOWN_ERROR = -1
const TOO_LARGE = 10
/** Older than the batches that the broker remembers: it has it, and no longer knows where. */
const DUPLICATE_SEQUENCE = 46
/** Out of order, unknown producer, invalid epoch: the sequence numbers mean nothing to the broker any more. */
const FORGOTTEN: ReadonlySet<number> = new Set([45, 47, 59])

const isWritten = (code: number): boolean => code === 0 || code === DUPLICATE_SEQUENCE

function sizeOf({ key, value, headers }: NewRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0) + 2
  return bytes
}
