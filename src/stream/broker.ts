/**
 * The log between feed and windows: topics of partitions of records with offsets.
 * Everything above this file is the same on Kafka and on the embedded log.
 */

export type Headers = Readonly<Record<string, string>>

/** A record to append. Without `partition` it goes where Kafka's murmur2 partitioner puts its key. */
export interface NewRecord {
  key: string | null
  value: Uint8Array | null
  headers: Headers
  partition?: number
}

/** A record as read. `timestamp` is the log's own (ms, when it was appended). */
export interface LogRecord {
  offset: number
  timestamp: number
  key: string | null
  value: Uint8Array | null
  headers: Headers
}

/** Where an appended record lies. `duplicate`: the log held this (session, seq, k) already and appended nothing. */
export interface Appended {
  partition: number
  offset: number
  duplicate: boolean
}

export interface TopicSpec {
  name: string
  partitions: number
  /** Records older than this (ms since they were appended) may go. */
  retentionMs?: number
  /** The oldest records go when the whole topic holds more bytes than this. */
  retentionBytes?: number
  /** Only the newest record of each key needs to be kept. */
  isCompacted?: boolean
}

/** One fetch. An empty one that reached `end` is proof that nothing had come by `endedAt`. */
export interface Batch {
  records: readonly LogRecord[]
  /** The offset after the partition's last record, as this fetch saw it. */
  end: number
  /** When the fetch began and ended, by `Clock`. */
  startedAt: number
  endedAt: number
}

/** First retained offset and the offset after the last. */
export interface Bounds {
  start: number
  end: number
}

export interface Commit {
  offset: number
  metadata: string
}

/** One partition, owned by this process until `signal` aborts. The owner disposes of it when it is done with it. */
export interface Assignment extends Disposable {
  readonly partition: number
  /** Aborts when ownership ends: nothing may be written or committed afterwards. */
  readonly signal: AbortSignal
  /** What the group committed last, or null. */
  readonly committed: Commit | null
  /**
   * Records from `offset` on, in order. At the end it waits a moment and yields an empty batch. It ends when the
   * partition is to be handed over: the owner writes and commits what it has, and disposes of the assignment.
   * Transient trouble is retried inside; it throws only what no retry cures: `log-changed` when the log is shorter
   * than `offset`, for then it is another one.
   */
  batches(offset: number): AsyncIterable<Batch>
  /** Resolves when durable. Throws `not-owner` when ownership is lost. Metadata is at most 4096 bytes. */
  commit(offset: number, metadata: string): Promise<void>
}

export interface Broker extends AsyncDisposable {
  /**
   * Makes sure the topic exists. Resolves to its partition count.
   * A topic that exists with another count throws `topic-mismatch`: keys would move.
   */
  createTopic(spec: TopicSpec): Promise<number>
  /**
   * Appends in the order given and resolves when durable, one result per record in that order. Calls made in
   * order stay in order. A full disk or an unreachable broker throws a retryable error and nothing is half done:
   * the caller may send the same records again, (session, seq, k) headers make that harmless.
   */
  append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]>
  /** Joins a consumer group and yields each partition as it becomes ours. Ends when `signal` aborts. */
  join(topic: string, group: string, signal: AbortSignal): AsyncIterable<Assignment>
  /** Reads without owning anything, following the tail like `Assignment.batches`. Missing offsets are skipped. */
  read(topic: string, partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch>
  /** One entry per partition; an unknown topic has none. */
  bounds(topic: string): Promise<readonly Bounds[]>
}
