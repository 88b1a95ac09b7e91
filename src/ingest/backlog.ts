import { type GapRecords, inTime } from './in-time.ts'
import type { Spool } from './spool.ts'
import type { LogRecord, NewRecord } from '../stream/broker.ts'
import type { Context } from '../telemetry.ts'

export interface BacklogOptions {
  spool: Spool
  /** Of the trades. */
  topic: string
  context: Context
  gapRecords: GapRecords
  /** What waited is damaged, and gone. */
  onDamage: () => void
}

/** The oldest of what waits. */
export interface Page {
  topic: string
  /** What is to be sent of it. */
  records: readonly NewRecord[]
  /** How many records it is on disk. */
  count: number
  /** Nothing waits behind it. */
  isLast: boolean
}

/** A spool as it is to be sent: without what waited too long, and up to where it can be read. */
export class Backlog {
  readonly #options: BacklogOptions

  constructor(options: BacklogOptions) {
    this.#options = options
  }

  /** Null when nothing waits. */
  next(): Page | null {
    const { spool } = this.#options
    for (const topic of spool.topics) {
      const page = this.#read(topic)
      if (page.length === 0) continue
      return { topic, records: this.#inTime(topic, page), count: page.length, isLast: spool.records <= page.length }
    }
    return null
  }

  /** Of the oldest, or the newest, frame: when it was received (unix ms), and in which session. */
  frame(which: 'oldest' | 'newest'): { received: number; session: string | undefined } | null {
    const { spool, topic } = this.#options
    try {
      const record = spool[which](topic)
      return record && { received: Number(record.headers['received']), session: record.headers['session'] }
    } catch {
      // Said when it is to be sent.
      return null
    }
  }

  /** Says that something waits, if anything does. */
  tell(event: 'spool.found' | 'spool.kept'): void {
    const { records, bytes } = this.#options.spool
    const note = 'records wait on disk for the log; they are sent before anything else'
    if (records > 0) this.#options.context.log.warn(event, { records, bytes, note })
  }

  #read(topic: string): readonly LogRecord[] {
    const { spool, onDamage } = this.#options
    try {
      return spool.page(topic)
    } catch (error) {
      spool.putAside(error)
      onDamage()
      return []
    }
  }

  #inTime(topic: string, page: readonly LogRecord[]): readonly NewRecord[] {
    const { context, gapRecords, topic: trades } = this.#options
    const now = context.clock.now()
    const { records, tooOld } = inTime(page, { now, gapRecords: topic === trades ? gapRecords : () => [] })
    const why = 'they waited for more than 12 h, and readers could no longer tell whether they have them'
    if (tooOld > 0) context.log.error('spool.too_old', { records: tooOld, why })
    return records
  }
}
