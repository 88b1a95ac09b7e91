import type { Appended, Assignment, Batch, Bounds, Broker, Commit, NewRecord, TopicSpec } from '../broker.ts'
import { openDatabase, toStockpipeError, transact } from '../sqlite.ts'
import { LogFile, type Slot, type Topic } from './log-file.ts'
import { Retention } from './retention.ts'
import schema from './schema.sql' with { type: 'text' }
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Log } from '../../telemetry.ts'

export interface EmbeddedBrokerOptions {
  path: string
  clock: Clock
  log: Log
  /** Reads beside a process that writes. */
  readonly?: boolean
}

const MIGRATIONS = [{ version: 1, sql: schema }]
/** How long a reader at the end waits before it says that nothing came. */
const WAIT_MS = 100
const PAGE_RECORDS = 1_000
const PAGE_BYTES = 2_000_000
/** What one transaction takes at most, so that the event loop is not held up for long. */
const GROUP_RECORDS = 10_000
const METADATA_BYTES = 4096

type Work =
  | {
      kind: 'append'
      topic: Topic
      records: readonly NewRecord[]
      resolve: (value: readonly Appended[]) => void
      reject: (error: unknown) => void
    }
  | { kind: 'commit'; group: string; slot: Slot; commit: Commit; resolve: () => void; reject: (error: unknown) => void }

/** The log in one SQLite file. One process owns it (see `data-dir.ts`); others may open it to read. */
export async function openEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<Broker> {
  const database = openDatabase({ ...options, migrations: MIGRATIONS })
  return new EmbeddedBroker(new LogFile(database), options)
}

class EmbeddedBroker implements Broker {
  readonly #file: LogFile
  readonly #clock: Clock
  readonly #isReadonly: boolean
  readonly #retention: Retention
  readonly #joined = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #queue: Work[] = []
  #isFlushing = false
  #isClosed = false

  constructor(file: LogFile, { clock, log, readonly }: EmbeddedBrokerOptions) {
    this.#file = file
    this.#clock = clock
    this.#isReadonly = readonly ?? false
    this.#retention = new Retention(file, clock, log)
  }

  async createTopic(spec: TopicSpec): Promise<number> {
    this.#retention.set(spec)
    const known = this.#file.topic(spec.name)
    if (known === undefined) this.#file.createTopic(spec.name, spec.partitions)
    const count = this.#topic(spec.name).slots.length
    if (count === spec.partitions) return count
    throw new StockpipeError(
      'topic-mismatch',
      `the log has ${count} partitions for ${spec.name}, not ${spec.partitions}`,
      {
        why: 'with another count symbols would move to other partitions, and their history would be torn',
        hint: `run with --partitions ${count}, or with another --data-dir`,
      },
    )
  }

  append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'append', topic: this.#topic(topic), records, resolve, reject })
    })
  }

  async *join(topic: string, group: string, signal: AbortSignal): AsyncIterable<Assignment> {
    const name = `${group}/${topic}`
    if (this.#joined.has(name))
      throw new StockpipeError('internal', `${group} reads ${topic} already; the embedded log has one member a group`)
    this.#joined.add(name)
    try {
      for (const slot of this.#topic(topic).slots) yield this.#assign(slot, group, signal)
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      })
    } finally {
      this.#joined.delete(name)
    }
  }

  read(topic: string, partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch> {
    const slot = this.#topic(topic).slots[partition]
    if (slot === undefined) throw new StockpipeError('not-found', `${topic} has no partition ${partition}`)
    return this.#batches(slot, offset, signal)
  }

  async bounds(topic: string): Promise<readonly Bounds[]> {
    if (this.#isReadonly) this.#file.reload()
    return (this.#file.topic(topic)?.slots ?? []).map((slot) => this.#file.bounds(slot))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    while (this.#queue.length > 0) this.#flushGroup()
    this.#isClosed = true
    for (const wake of this.#waiting) wake()
    this.#file.database.close()
  }

  #assign(slot: Slot, group: string, signal: AbortSignal): Assignment {
    return {
      partition: slot.partition,
      signal,
      committed: this.#file.committed(group, slot),
      batches: (offset) => this.#batches(slot, offset, signal),
      commit: (offset, metadata) => this.#commit(group, slot, { offset, metadata }, signal),
    }
  }

  #commit(group: string, slot: Slot, commit: Commit, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new StockpipeError('internal', `partition ${slot.partition} is not ours any more`)
    if (Buffer.byteLength(commit.metadata) > METADATA_BYTES)
      throw new StockpipeError('internal', `commit metadata is larger than ${METADATA_BYTES} bytes`)
    return new Promise((resolve, reject) => this.#enqueue({ kind: 'commit', group, slot, commit, resolve, reject }))
  }

  /** Pages until the signal aborts. The page size follows the size of the records, so that a page stays bounded. */
  async *#batches(slot: Slot, from: number, signal: AbortSignal): AsyncIterable<Batch> {
    let offset = from
    let limit = 100
    while (!signal.aborted && !this.#isClosed) {
      const startedAt = this.#clock.now()
      if (offset >= slot.next) await this.#waitForMore(slot, offset, signal)
      if (signal.aborted || this.#isClosed) return
      const end = slot.next
      const records = offset < end ? this.#file.page(slot, Math.max(offset, slot.start), limit) : []
      offset = (records.at(-1)?.offset ?? Math.max(offset, slot.start) - 1) + 1
      if (records.length > 0)
        limit = pageLimit(records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) / records.length)
      yield { records, end, startedAt, endedAt: this.#clock.now() }
      await nextTurn()
    }
  }

  /** Ends when the partition grew, after a moment, or on abort. */
  async #waitForMore(slot: Slot, offset: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    const wake = () => {
      if (slot.next > offset || signal.aborted || this.#isClosed) woken.abort()
    }
    this.#waiting.add(wake)
    signal.addEventListener('abort', wake)
    try {
      await this.#clock.sleep(WAIT_MS, woken.signal)
    } finally {
      this.#waiting.delete(wake)
      signal.removeEventListener('abort', wake)
    }
    if (this.#isReadonly) this.#file.reload()
  }

  #topic(name: string): Topic {
    const topic = this.#file.topic(name)
    if (topic === undefined) throw new StockpipeError('not-found', `the log has no topic ${name}`)
    return topic
  }

  #enqueue(work: Work): void {
    if (this.#isClosed) return work.reject(new StockpipeError('internal', 'the log is closed'))
    this.#queue.push(work)
    if (!this.#isFlushing) void this.#flush()
  }

  /** Whatever was asked for in the same turn of the event loop, or while a group was written, shares a transaction. */
  async #flush(): Promise<void> {
    this.#isFlushing = true
    await nextTurn()
    while (this.#queue.length > 0 && !this.#isClosed) {
      this.#flushGroup()
      await nextTurn()
    }
    this.#isFlushing = false
    if (!this.#isClosed) this.#retention.run()
  }

  #flushGroup(): void {
    const group = this.#takeGroup()
    const changed = new Map<Slot, Slot>()
    try {
      const done = transact(this.#file.database, () => {
        const results = group.map((work) => this.#perform(work, changed))
        this.#file.save(changed)
        return results
      })
      this.#file.apply(changed)
      for (const settle of done) settle()
    } catch (error) {
      const failure = toStockpipeError(error, 'the log')
      for (const work of group) work.reject(failure)
      return
    }
    for (const wake of this.#waiting) wake()
  }

  #takeGroup(): Work[] {
    let records = 0
    const end = this.#queue.findIndex(
      (work) => (records += work.kind === 'append' ? work.records.length : 1) > GROUP_RECORDS,
    )
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(1, end))
  }

  #perform(work: Work, changed: Map<Slot, Slot>): () => void {
    if (work.kind === 'commit') {
      this.#file.commit(work.group, work.slot, work.commit)
      return work.resolve
    }
    const appended = this.#file.append(work.topic, work.records, { now: this.#clock.now(), changed })
    return () => work.resolve(appended)
  }
}

const pageLimit = (bytesPerRecord: number): number =>
  Math.max(1, Math.min(PAGE_RECORDS, Math.floor(PAGE_BYTES / Math.max(1, bytesPerRecord))))

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
