import { existsSync, renameSync, rmSync, statSync } from 'node:fs'

import type { LogRecord, NewRecord } from '../stream/broker.ts'
import { LogFile, type Slot } from '../stream/broker/log-file.ts'
import logSchema from '../stream/broker/schema.sql' with { type: 'text' }
import { openDatabase } from '../stream/sqlite.ts'
import type { Clock } from '../clock.ts'
import { StockpipeError, wrap } from '../errors.ts'
import type { Log } from '../telemetry.ts'

export interface SpoolOptions {
  path: string
  /** Of what waits, bytes. An empty spool takes any one append. */
  limit: number
  clock: Clock
  log: Log
}

const MIGRATIONS = [{ version: 1, sql: logSchema }]
/** After it was full, this much must be free before it takes more: else one loss becomes many. */
const FREED_BYTES = 10_000_000
const FREED_SHARE = 0.05
/** An emptied file that grew beyond this gives its disk back. */
const KEPT_BYTES = 64_000_000
/** Only both ends of it are used. */
const CACHE_KB = 4_096
/** Among so many of the newest records is one that tells when its frame was received. */
const TAIL_RECORDS = 1_000

/**
 * What waits on disk for the log to come back: an embedded log of its own, a topic of one partition for each topic of
 * the log, with a bound. Every call is done, and durable, when it returns.
 */
export class Spool implements Disposable {
  readonly #options: SpoolOptions
  #file: LogFile | null
  #isFull = false
  /** By topic: records that were sent and could not be removed. */
  readonly #passed = new Map<string, number>()

  /** Throws where the file cannot be made or opened. One that is damaged is put aside, and said to be. */
  constructor(options: SpoolOptions) {
    this.#options = options
    try {
      this.#file = this.#open()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#file = null
      this.putAside(error)
      this.#file = this.#open()
    }
  }

  get bytes(): number {
    return this.#slots().reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get isEmpty(): boolean {
    return this.records === 0
  }

  /** How many wait, of all topics. */
  get records(): number {
    let sum = 0
    for (const topic of this.topics) sum += this.recordsOf(topic)
    return sum
  }

  recordsOf(topic: string): number {
    const slot = this.#slot(topic)
    return slot === undefined ? 0 : slot.next - this.#from(topic, slot)
  }

  get topics(): readonly string[] {
    return this.#file?.topicNames ?? []
  }

  /** Puts records behind all others of the topic; false, and nothing is taken, when they do not fit. Throws for a disk that fails. */
  append(topic: string, records: readonly NewRecord[]): boolean {
    this.#file ??= this.#open()
    const file = this.#file
    if (!this.#fits(records)) return false
    const now = this.#options.clock.now()
    if (file.topic(topic) === undefined) file.createTopic(topic, 1)
    const target = file.topic(topic)
    const alone = records.map((record) => ({ ...record, partition: 0 }))
    if (target !== undefined) file.change((changes) => file.append(target, alone, { now, changes }))
    return true
  }

  /** The oldest records of a topic that wait. Throws `corrupt` when not even the oldest can be read. */
  page(topic: string): LogRecord[] {
    const slot = this.#slot(topic)
    if (slot === undefined) return []
    const from = this.#from(topic, slot)
    if (from >= slot.next) return []
    try {
      const records = this.#file?.page(slot, from) ?? []
      if (records[0]?.offset === from) return records
    } catch {}
    return this.#wholeRecords(slot, from)
  }

  /** The oldest `count` records of a topic are in the log. */
  remove(topic: string, count: number): void {
    const slot = this.#slot(topic)
    const file = this.#file
    if (slot === undefined || file === null) return
    const end = this.#from(topic, slot) + count
    this.#passed.set(topic, end)
    try {
      file.change((changes) => file.removeHead(slot, end, { limit: end - slot.start, changes }))
    } catch (error) {
      this.#options.log.debug('spool.not_removed', { error })
    }
    if (this.isEmpty && fileSize(this.#options.path) > KEPT_BYTES) this.#forget((path) => rmSync(path, { force: true }))
  }

  /** The oldest, or the newest, record that tells when its frame was received. */
  oldest(topic: string): LogRecord | null {
    return this.page(topic).find(isDelivery) ?? null
  }

  newest(topic: string): LogRecord | null {
    const slot = this.#slot(topic)
    if (slot === undefined) return null
    const from = Math.max(this.#from(topic, slot), slot.next - TAIL_RECORDS)
    return this.#file?.page(slot, from).findLast(isDelivery) ?? null
  }

  /** The file is of no use any more: it is kept under another name, for whoever can read it, and a new one is begun. */
  putAside(error: unknown): void {
    const { path, clock, log } = this.#options
    const aside = `${path}.damaged-${clock.now()}`
    let lost: number | null = null
    try {
      if (this.#file !== null) lost = this.records
    } catch {}
    this.#forget((file, suffix) => renameSync(file, aside + suffix))
    log.error('spool.damaged', {
      why: error instanceof StockpipeError ? (error.why ?? error.message) : String(error),
      ...(lost === null ? {} : { unreadable_records: lost }),
      note: `what could be read was sent; the rest is kept in ${aside}, and is a gap`,
    })
  }

  [Symbol.dispose](): void {
    this.#file?.database.close()
    this.#file = null
  }

  #open(): LogFile {
    const { path, clock } = this.#options
    const database = openDatabase({ path, migrations: MIGRATIONS, clock })
    database.run(`PRAGMA cache_size = -${CACHE_KB}`)
    return new LogFile(database)
  }

  #fits(records: readonly NewRecord[]): boolean {
    if (this.isEmpty) return true
    const { limit } = this.#options
    const most = this.#isFull ? limit - Math.min(FREED_BYTES, limit * FREED_SHARE) : limit
    this.#isFull = this.bytes + sizeOf(records) > most
    return !this.#isFull
  }

  /** Cut where the first record cannot be read. */
  #wholeRecords(slot: Slot, from: number): LogRecord[] {
    const records: LogRecord[] = []
    let damage: unknown
    for (let offset = from; offset < slot.next && records.length < TAIL_RECORDS; offset++)
      try {
        const [record] = this.#file?.page(slot, offset, 1) ?? []
        if (record === undefined) break
        records.push(record)
      } catch (error) {
        damage = error
        break
      }
    if (records.length > 0) return records
    throw wrap('corrupt', `${this.#options.path} is damaged`, damage)
  }

  #forget(dispose: (path: string, suffix: string) => void): void {
    this[Symbol.dispose]()
    this.#passed.clear()
    this.#isFull = false
    for (const suffix of ['', '-wal', '-shm'])
      if (existsSync(this.#options.path + suffix)) dispose(this.#options.path + suffix, suffix)
  }

  #slots(): readonly Slot[] {
    return this.topics.flatMap((topic) => this.#slot(topic) ?? [])
  }

  #slot(topic: string): Slot | undefined {
    return this.#file?.topic(topic)?.slots[0]
  }

  #from(topic: string, { start }: Slot): number {
    return Math.max(start, this.#passed.get(topic) ?? 0)
  }
}

/** About what the file will need for them: its own count begins when they are in it. */
const RECORD_BYTES = 250

function sizeOf(records: readonly NewRecord[]): number {
  let bytes = 0
  for (const { value } of records) bytes += RECORD_BYTES + (value?.length ?? 0)
  return bytes
}

const isDelivery = ({ headers }: LogRecord): boolean => headers['received'] !== undefined

const isDamage = (error: unknown): boolean =>
  !(error instanceof StockpipeError) || error.code === 'corrupt' || error.code === 'internal'

const fileSize = (path: string): number => (existsSync(path) ? statSync(path).size : 0)
