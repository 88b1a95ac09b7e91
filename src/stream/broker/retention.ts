import type { TopicSpec } from '../broker.ts'
import type { Changes, LogFile, Slot } from './log-file.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../telemetry.ts'

const EVERY_MS = 60_000
/** Beyond this much of the allowed bytes it does not wait for the minute: a fast replay fills gigabytes in one. */
const SLACK = 1.05
/** Records removed at most per run, or twice what was appended where that is more: appends never wait long, and it never falls behind. */
const PER_RUN = 5_000
/** Removed from one partition at a time, so that partitions keep about the same span of time. */
const PER_PARTITION = 1_000
/** Free pages are used again by later appends; only more than this share of the file, and than this many, go back to the disk. */
const SPARE_SHARE = 0.25
const SPARE_PAGES = 4_096
const FREED_PER_RUN = 500

/** Removes from the head of each partition what is too old or too much. Runs between appends, a bounded piece at a time. */
export class Retention {
  readonly #file: LogFile
  readonly #clock: Clock
  readonly #log: Log
  readonly #specs = new Map<string, TopicSpec>()
  #lastRun = Number.NEGATIVE_INFINITY
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(file: LogFile, clock: Clock, log: Log) {
    this.#file = file
    this.#clock = clock
    this.#log = log
  }

  set(spec: TopicSpec): void {
    this.#specs.set(spec.name, spec)
  }

  /** Does nothing when all was done less than a minute ago and no topic is far too large. */
  run(appended: number): void {
    const now = this.#clock.now()
    if (!this.#isDue(now)) return
    const budget = Math.max(PER_RUN, 2 * appended)
    try {
      const removed = this.#file.change((changes) => this.#remove(now, budget, changes))
      if (removed > 0) this.#log.debug('log.retention', { removed })
      if (removed < budget && !this.#freePages()) this.#lastRun = now
    } catch (error) {
      this.#failedAt = now
      this.#log.warn('log.retention_failed', { error, again_in_ms: EVERY_MS })
    }
  }

  #isDue(now: number): boolean {
    if (now - this.#failedAt < EVERY_MS) return false
    if (now - this.#lastRun >= EVERY_MS) return true
    for (const { name, retentionBytes } of this.#specs.values())
      if (retentionBytes !== undefined && bytesOf(this.#slots(name)) > retentionBytes * SLACK) return true
    return false
  }

  #remove(now: number, budget: number, changes: Changes): number {
    let removed = 0
    for (const spec of this.#specs.values()) {
      removed += this.#removeOld(spec, now, { limit: budget - removed, changes })
      removed += this.#removeExcess(spec, { limit: budget - removed, changes })
    }
    return removed
  }

  #removeOld({ name, retentionMs }: TopicSpec, now: number, { limit, changes }: Piece): number {
    if (retentionMs === undefined) return 0
    let removed = 0
    for (const slot of this.#slots(name)) {
      const end = this.#offsetAt(slot, now - retentionMs)
      removed += this.#file.removeHead(slot, end, { limit: limit - removed, changes })
    }
    return removed
  }

  #removeExcess({ name, retentionBytes }: TopicSpec, { limit, changes }: Piece): number {
    if (retentionBytes === undefined) return 0
    const slots = this.#slots(name).map((slot) => ({ slot, state: changes.of(slot) }))
    let removed = 0
    while (removed < limit) {
      const excess = bytesOf(slots.map(({ state }) => state)) - retentionBytes
      const head = excess > 0 ? this.#oldestHead(slots) : undefined
      if (head === undefined) break
      const { slot, state } = head
      const perRecord = state.bytes / (state.next - state.start)
      const wanted = Math.ceil(excess / Math.max(1, perRecord))
      const piece = Math.min(wanted, PER_PARTITION, limit - removed)
      removed += this.#file.removeHead(slot, state.start + piece, { limit: piece, changes })
    }
    return removed
  }

  #oldestHead(slots: readonly { slot: Slot; state: Slot }[]): { slot: Slot; state: Slot } | undefined {
    let oldest: { slot: Slot; state: Slot } | undefined
    let oldestTs = Number.POSITIVE_INFINITY
    for (const candidate of slots) {
      const ts = this.#file.timestampAt(candidate.slot, candidate.state.start) ?? Number.POSITIVE_INFINITY
      if (ts < oldestTs) {
        oldestTs = ts
        oldest = candidate
      }
    }
    return oldest
  }

  /** The first offset whose record was appended at `ts` or later; the end when there is none. */
  #offsetAt(slot: Slot, ts: number): number {
    let low = slot.start
    let high = slot.next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.#file.timestampAt(slot, middle) ?? ts) < ts) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Gives a piece of what is free beyond the spare back to the disk; false when there is no such thing. */
  #freePages(): boolean {
    const free = this.#pragma('freelist_count')
    const isMuch = free > Math.max(SPARE_PAGES, this.#pragma('page_count') * SPARE_SHARE)
    if (isMuch) this.#file.database.run(`PRAGMA incremental_vacuum(${FREED_PER_RUN})`)
    return isMuch
  }

  #pragma(name: 'freelist_count' | 'page_count'): number {
    return this.#file.database.query<Record<string, number>, []>(`PRAGMA ${name}`).get()?.[name] ?? 0
  }

  #slots(name: string): readonly Slot[] {
    return this.#file.topic(name)?.slots ?? []
  }
}

const bytesOf = (slots: readonly Slot[]): number => slots.reduce((sum, { bytes }) => sum + bytes, 0)

interface Piece {
  limit: number
  changes: Changes
}
