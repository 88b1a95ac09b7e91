import type { Batch, LogRecord } from './broker.ts'
import { partitionOf } from './broker/partitioner.ts'
import { decodeRecord, type DecodedRecord } from './codec.ts'
import { Sessions } from './sessions.ts'
import type { RowSink, WindowSettings } from './symbol-windows.ts'
import { identityOf, type RecordIdentity, type Triple } from './triple.ts'
import { type Flush, WindowEngine } from './window.ts'
import { StockpipeError } from '../errors.ts'
import { entryProblem } from '../trade.ts'

/** Where a partition's owner starts: from nothing, or from a committed triple. */
export interface Start {
  partition: number
  incarnation: number
  /** The log's beginning is gone: windows that may have lost trades are not written. */
  truncated: boolean
  committed: Triple | null
  /** How many partitions the topic has; without it nothing is said of symbols in the wrong one. */
  partitions?: number
}

/** A record, or a part of it, that could not be used. */
export interface BadRecord {
  record: LogRecord
  reason: 'undecodable' | 'invalid-entry'
  detail: string
}

/** What one batch led to besides rows. */
export interface FoldResult {
  bad: readonly BadRecord[]
  duplicates: number
  /** A symbol that another producer put here, though its key belongs to another partition; null: none new. */
  misplaced: string | null
}

/** The state of one owned partition: which records were folded, and the windows they made. Pure. */
export class Partition {
  readonly engine: WindowEngine
  /** The next offset to fold. */
  position: number
  readonly #start: Start
  readonly #sessions: Sessions
  /** Symbols of other producers whose place was looked at. */
  readonly #placed = new Set<string>()
  /** Records up to here were folded and written by an earlier owner. */
  readonly #rebuildTo: number
  #identity: RecordIdentity | null

  constructor(settings: WindowSettings, start: Start) {
    const { committed } = start
    this.#start = start
    this.engine = new WindowEngine(settings, { ...start, from: committed?.from ?? null })
    this.#sessions = new Sessions(committed?.sessions)
    this.#rebuildTo = committed?.processed ?? -1
    this.#identity = committed?.identity ?? null
    this.position = committed?.low ?? 0
  }

  get number(): number {
    return this.#start.partition
  }

  /** The next offset that nobody processed, not even an earlier owner. */
  get unprocessed(): number {
    return Math.max(this.position, this.#rebuildTo + 1)
  }

  /** True once every record that only restores state was read. */
  get isLive(): boolean {
    return this.position > this.#rebuildTo
  }

  /** Decodes and folds; the rows wait in `engine.take`. Never throws for what a record holds. */
  fold(batch: Batch): FoldResult {
    const bad: BadRecord[] = []
    let duplicates = 0
    let misplaced: string | null = null
    for (const record of batch.records) {
      const isRebuild = record.offset <= this.#rebuildTo
      const decoded = decode(record, isRebuild ? [] : bad)
      if (decoded !== null) duplicates += this.#apply(decoded, record, isRebuild) ? 0 : 1
      if (decoded?.session === null) misplaced ??= this.#misplaced(decoded)
      this.position = record.offset + 1
      if (!isRebuild) this.#identity = identityOf(record.timestamp, record.headers)
    }
    return { bad, duplicates, misplaced }
  }

  take(options: Flush): RowSink {
    return this.engine.take(options)
  }

  /** What may be committed once every row taken so far is acknowledged; null when there is nothing to commit. */
  triple(): Triple | null {
    const processed = this.position - 1
    if (this.#identity === null || processed < 0 || !this.isLive || this.engine.isTruncated) return null
    const low = Math.min(this.engine.lowestOffset() ?? this.position, this.position)
    return {
      low,
      watermark: Number.isFinite(this.engine.watermark) ? this.engine.watermark : null,
      processed,
      identity: this.#identity,
      incarnation: this.#start.incarnation,
      sessions: this.#sessions.asOf(low, this.#identity.timestamp),
      from: this.engine.from,
    }
  }

  /** For those who never commit: nothing is kept for a commit of what was folded so far. */
  forgetProcessed(): void {
    if (this.#identity !== null) this.#sessions.asOf(this.position, this.#identity.timestamp)
  }

  #misplaced({ entries }: DecodedRecord): string | null {
    const { partition, partitions } = this.#start
    if (partitions === undefined) return null
    for (const { s } of entries) {
      if (this.#placed.has(s)) continue
      this.#placed.add(s)
      if (partitionOf(s, partitions) !== partition) return s
    }
    return null
  }

  /** False for a record that was sent twice. */
  #apply(decoded: DecodedRecord, record: LogRecord, isRebuild: boolean): boolean {
    const { session, seq, k } = decoded
    const { offset, timestamp } = record
    if (session !== null && !this.#sessions.admit(offset, { session, seq, k, timestamp })) return false
    if (isRebuild) this.engine.rebuild(decoded, offset, timestamp)
    else this.engine.fold(decoded, offset, timestamp)
    return true
  }
}

/** Null, and one more in `bad`, for a record that cannot be read. Entries of another producer are checked one by one. */
function decode(record: LogRecord, bad: BadRecord[]): DecodedRecord | null {
  try {
    const decoded = decodeRecord(record)
    return decoded.session === null ? withoutInvalid(decoded, record, bad) : decoded
  } catch (error) {
    if (!(error instanceof StockpipeError)) throw error
    bad.push({ record, reason: 'undecodable', detail: error.message })
    return null
  }
}

/** Invalid entries are treated as repeats: their neighbours keep their indexes, and they are in no table. */
function withoutInvalid(decoded: DecodedRecord, record: LogRecord, bad: BadRecord[]): DecodedRecord {
  const invalid: number[] = []
  for (const [index, entry] of decoded.entries.entries()) {
    const problem = entryProblem(entry)
    if (problem === null) continue
    invalid.push(index)
    bad.push({ record, reason: 'invalid-entry', detail: `entry ${index}: ${problem}` })
  }
  if (invalid.length === 0) return decoded
  const repeats = [...new Set([...(decoded.repeats ?? []), ...invalid])].sort((a, b) => a - b)
  return { ...decoded, repeats }
}
