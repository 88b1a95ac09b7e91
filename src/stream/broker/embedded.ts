import type { Appended, Assignment, Batch, Bounds, Broker, Commit, NewRecord, TopicSpec } from '../broker.ts'
import { openDatabase } from '../sqlite.ts'
import { GroupCommit, nextTurn } from './group-commit.ts'
import { type Changes, LogFile, type Slot, type Topic } from './log-file.ts'
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
const METADATA_BYTES = 4096

/**
 * The log in one SQLite file. One process owns it (see `data-dir.ts`); others may open it to read.
 * What retention removed is forgotten: only records still in the log are recognised as duplicates.
 */
export async function openEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const database = openDatabase({ ...options, migrations: MIGRATIONS })
  return new EmbeddedBroker(new LogFile(database), options)
}

export class EmbeddedBroker implements Broker {
  readonly #file: LogFile
  readonly #clock: Clock
  readonly #isReadonly: boolean
  readonly #retention: Retention
  readonly #commits: GroupCommit<Changes>
  readonly #joined = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #isClosed = false

  constructor(file: LogFile, { clock, log, readonly }: EmbeddedBrokerOptions) {
    this.#file = file
    this.#clock = clock
    this.#isReadonly = readonly ?? false
    this.#retention = new Retention(file, clock, log)
    this.#commits = new GroupCommit({
      transact: (work) => file.change(work),
      committed: (records) => this.#committed(records),
    })
  }

  async createTopic(spec: TopicSpec): Promise<number> {
    if (this.#file.topic(spec.name) === undefined) this.#file.createTopic(spec.name, spec.partitions)
    const count = this.#topic(spec.name).slots.length
    if (count !== spec.partitions) throw topicMismatch(spec, count)
    this.#retention.set(spec)
    return count
  }

  /** The records must not be changed until this resolves. */
  async append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    const target = this.#topic(topic)
    checkPartitions(target, records)
    const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
    return this.#enqueue({ records: records.length, bytes }, (changes) =>
      this.#file.append(target, records, { now: this.#clock.now(), changes }),
    )
  }

  async *join(topic: string, group: string, signal: AbortSignal): AsyncIterable<Assignment> {
    const { slots } = this.#topic(topic)
    const name = JSON.stringify([topic, group])
    if (this.#joined.has(name))
      throw new StockpipeError('internal', `${group} reads ${topic} already; the embedded log has one member a group`)
    this.#joined.add(name)
    try {
      for (const slot of slots) if (!signal.aborted) yield this.#assign(slot, group, signal)
      await aborted(signal)
    } finally {
      this.#joined.delete(name)
    }
  }

  async *read(topic: string, partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch> {
    const slot = this.#topic(topic).slots[partition]
    if (slot === undefined) throw new StockpipeError('not-found', `${topic} has no partition ${partition}`)
    yield* this.#batches(slot, offset, signal)
  }

  async bounds(topic: string): Promise<readonly Bounds[]> {
    if (this.#isReadonly) this.#file.reload()
    return (this.#file.topic(topic)?.slots ?? []).map(({ start, next }) => ({ start, end: next }))
  }

  /** What a group committed last of each partition. */
  async commits(topic: string, group: string): Promise<readonly (Commit | null)[]> {
    return this.#topic(topic).slots.map((slot) => this.#file.committed(group, slot))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#commits.close()
    this.#isClosed = true
    for (const wake of this.#waiting) wake()
    this.#file.database.close()
  }

  #assign(slot: Slot, group: string, signal: AbortSignal): Assignment {
    const file = this.#file
    return {
      partition: slot.partition,
      signal,
      get committed() {
        return file.committed(group, slot)
      },
      batches: (offset) => this.#batches(slot, offset, signal),
      commit: (offset, metadata) => this.#commit(group, slot, { commit: { offset, metadata }, signal }),
      [Symbol.dispose]() {},
    }
  }

  async #commit(group: string, slot: Slot, { commit, signal }: { commit: Commit; signal: AbortSignal }): Promise<void> {
    if (Buffer.byteLength(commit.metadata) > METADATA_BYTES)
      throw new StockpipeError('internal', `commit metadata is larger than ${METADATA_BYTES} bytes`)
    if (signal.aborted) throw new StockpipeError('not-owner', `partition ${slot.partition} is not ours any more`)
    return this.#enqueue({ records: 1, bytes: 0 }, () => this.#file.commit(group, slot, commit))
  }

  async *#batches(slot: Slot, from: number, signal: AbortSignal): AsyncIterable<Batch> {
    let offset = from
    while (this.#isOpen(signal)) {
      const startedAt = this.#clock.now()
      if (this.#isReadonly) this.#file.refresh(slot)
      if (offset >= slot.next) await this.#waitForMore(slot, offset, signal)
      if (!this.#isOpen(signal)) return
      const records = this.#file.page(slot, offset)
      offset = Math.max(offset, slot.start)
      const last = records.at(-1)
      if (last !== undefined) offset = last.offset + 1
      yield { records, end: slot.next, startedAt, endedAt: this.#clock.now() }
      await nextTurn()
    }
  }

  #isOpen(signal: AbortSignal): boolean {
    return !signal.aborted && !this.#isClosed
  }

  /** Ends when the partition grew, after a moment, on abort, or when the log is closed. */
  async #waitForMore(slot: Slot, offset: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    const wake = () => {
      if (slot.next > offset || !this.#isOpen(signal)) woken.abort()
    }
    this.#waiting.add(wake)
    signal.addEventListener('abort', wake)
    try {
      await this.#clock.sleep(WAIT_MS, woken.signal)
    } finally {
      this.#waiting.delete(wake)
      signal.removeEventListener('abort', wake)
    }
    if (this.#isReadonly && this.#isOpen(signal)) this.#file.refresh(slot)
  }

  #topic(name: string): Topic {
    if (this.#isReadonly && this.#file.topic(name) === undefined) this.#file.reload()
    const topic = this.#file.topic(name)
    if (topic === undefined) throw new StockpipeError('not-found', `the log has no topic ${name}`)
    return topic
  }

  #enqueue<Result>(size: { records: number; bytes: number }, work: (changes: Changes) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const perform = (changes: Changes) => {
        const result = work(changes)
        return () => resolve(result)
      }
      this.#commits.add({ ...size, perform, reject })
    })
  }

  #committed(records: number): void {
    for (const wake of this.#waiting) wake()
    this.#retention.run(records)
  }
}

/** Before anything is queued: one wrong call must not fail those that share its transaction. */
function checkPartitions({ name, slots }: Topic, records: readonly NewRecord[]): void {
  const wrong = records.find(({ partition }) => partition !== undefined && slots[partition] === undefined)
  if (wrong !== undefined) throw new StockpipeError('internal', `${name} has no partition ${wrong.partition}`)
}

const topicMismatch = ({ name, partitions }: TopicSpec, found: number): StockpipeError =>
  new StockpipeError('topic-mismatch', `the log has ${found} partitions for ${name}, not ${partitions}`, {
    why: 'with another count symbols would move to other partitions, and their history would be torn',
    hint: `run with --partitions ${found}, or with another --data-dir`,
  })

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
