import { StockpipeError } from '../errors.ts'
import type { LogRecord } from '../stream/broker.ts'
import { decodeRecord, type DecodedRecord, type GapMark } from '../stream/codec.ts'
import { type Entry, entryProblem } from '../trade.ts'
import type { Part } from './parts.ts'
import type { Rules } from './rules.ts'

const FORGET_AFTER_MS = 24 * 3_600_000
const MANY_SESSIONS = 1_000

/** An entry of a record, and what it is by the rules. */
export interface Judged {
  entry: Entry
  index: number
  /** `update`: a price without a volume. `future`: quarantined. */
  what: 'trade' | 'update' | 'future' | 'repeat'
  isMarked: boolean
  /** After this entry. */
  watermark: number
}

export interface Verdict {
  entries: readonly Judged[]
  received: number | null
  /** Of a gap record. */
  gap: GapMark | null
  /** Sent twice: it counts for nothing. */
  isDuplicate: boolean
  /** Why the record, or some of its entries, must be in the dead-letter topic; null: they need not. */
  problem: string | null
}

/** Reads the records of one partition in their order and says what each entry is. */
export class Judge {
  watermark = Number.NEGATIVE_INFINITY
  /**
   * Windows that start before this may have lost trades with the head of the log. Infinity until the first trade;
   * -Infinity where the log is whole.
   */
  horizon: number
  /** The first offset from which on the watermark is known for certain; Infinity until then. */
  certainFrom: number
  readonly #rules: Rules
  readonly #from: number
  readonly #last = new Map<string, { seq: number; k: number; timestamp: number }>()

  constructor(rules: Rules, { start, from }: Pick<Part, 'start' | 'from'>) {
    this.#rules = rules
    this.#from = from
    this.horizon = start > 0 ? Number.POSITIVE_INFINITY : from
    this.certainFrom = start > 0 ? Number.POSITIVE_INFINITY : 0
  }

  judge(record: LogRecord): Verdict {
    let decoded: DecodedRecord
    try {
      decoded = decodeRecord(record)
    } catch (error) {
      if (!(error instanceof StockpipeError)) throw error
      return { entries: [], received: null, gap: null, isDuplicate: false, problem: error.message }
    }
    const { received } = decoded
    if (this.#isDuplicate(decoded, record.timestamp))
      return { entries: [], received, gap: null, isDuplicate: true, problem: null }
    if (decoded.watermark !== null) this.watermark = Math.max(this.watermark, decoded.watermark)
    const invalid = decoded.session === null ? problemsIn(decoded.entries) : new Map<number, string>()
    const bound = (received ?? record.timestamp) + decoded.skew + this.#rules.futureLimit
    const entries = this.#entries(decoded, invalid, bound)
    this.#begin(entries, received === null ? null : bound)
    if (this.watermark >= this.horizon - this.#rules.delay) this.certainFrom = Math.min(this.certainFrom, record.offset)
    return { entries, received, gap: decoded.gap, isDuplicate: false, problem: [...invalid.values()][0] ?? null }
  }

  #entries({ entries, repeats }: DecodedRecord, invalid: ReadonlyMap<number, string>, bound: number): Judged[] {
    const marked = new Set(repeats)
    return entries.flatMap((entry, index) => {
      if (invalid.has(index)) return []
      const isMarked = marked.has(index)
      const what = this.#what(entry, isMarked, bound)
      if (what === 'trade' || what === 'update') this.watermark = Math.max(this.watermark, entry.t - this.#rules.delay)
      return [{ entry, index, what, isMarked, watermark: this.watermark }]
    })
  }

  #what({ t, v }: Entry, isMarked: boolean, bound: number): Judged['what'] {
    if (isMarked && !this.#rules.ignoreMarks) return 'repeat'
    if (t > bound) return 'future'
    return v === 0 ? 'update' : 'trade'
  }

  /** Where the log's head is gone, the first trade tells what may have gone with it: nothing in it was of a later time. */
  #begin(entries: readonly Judged[], bound: number | null): void {
    if (this.horizon !== Number.POSITIVE_INFINITY) return
    const first = entries.find(({ what }) => what === 'trade' || what === 'update')
    if (first === undefined) return
    this.horizon = Math.max(first.entry.t + this.#rules.delay, bound === null ? 0 : bound + 1, this.#from)
  }

  /** Within a session records only move forward: what does not was sent again. */
  #isDuplicate({ session, seq, k }: DecodedRecord, timestamp: number): boolean {
    if (session === null) return false
    if (this.#last.size > MANY_SESSIONS) this.#forget(timestamp)
    const last = this.#last.get(session)
    const isForgotten = last === undefined || timestamp - last.timestamp > FORGET_AFTER_MS
    if (!isForgotten && (seq < last.seq || (seq === last.seq && k <= last.k))) return true
    this.#last.set(session, { seq, k, timestamp })
    return false
  }

  #forget(now: number): void {
    for (const [session, { timestamp }] of this.#last) if (now - timestamp > FORGET_AFTER_MS) this.#last.delete(session)
  }
}

/** Entries of a producer that checks nothing, by index. */
function problemsIn(entries: readonly Entry[]): Map<number, string> {
  const problems = new Map<number, string>()
  for (const [index, entry] of entries.entries()) {
    const problem = entryProblem(entry)
    if (problem !== null) problems.set(index, `entry ${index}: ${problem}`)
  }
  return problems
}
