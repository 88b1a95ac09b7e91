import type { TopicSpec } from '../broker.ts'
import type { LogFile, Slot } from './log-file.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../telemetry.ts'

const EVERY_MS = 60_000
/** Removed at most per run and partition, so that appends are never held up. */
const CHUNK = 5_000
const FREED_PAGES = 2_000

/** Removes from the head of each partition what is too old or too much. Runs beside appends, a bounded piece at a time. */
export class Retention {
  readonly #file: LogFile
  readonly #clock: Clock
  readonly #log: Log
  readonly #specs = new Map<string, TopicSpec>()
  #lastRun = Number.NEGATIVE_INFINITY

  constructor(file: LogFile, clock: Clock, log: Log) {
    this.#file = file
    this.#clock = clock
    this.#log = log
  }

  set(spec: TopicSpec): void {
    this.#specs.set(spec.name, spec)
  }

  /** Does nothing when the last complete run was less than a minute ago. */
  run(): void {
    const now = this.#clock.now()
    if (now - this.#lastRun < EVERY_MS) return
    try {
      this.#remove(now)
    } catch (error) {
      this.#lastRun = now
      this.#log.warn('log.retention_failed', { error, again_in_ms: EVERY_MS })
    }
  }

  #remove(now: number): void {
    const removed = [...this.#specs.values()].reduce(
      (sum, spec) => sum + this.#removeOld(spec, now) + this.#removeExcess(spec),
      0,
    )
    if (removed === 0) {
      this.#lastRun = now
      return
    }
    this.#file.database.run(`PRAGMA incremental_vacuum(${FREED_PAGES})`)
    this.#log.debug('log.retention', { removed })
  }

  #removeOld({ name, retentionMs }: TopicSpec, now: number): number {
    if (retentionMs === undefined) return 0
    const slots = this.#file.topic(name)?.slots ?? []
    return slots.reduce(
      (sum, slot) => sum + this.#file.removeHead(slot, this.#file.offsetAt(slot, now - retentionMs), CHUNK),
      0,
    )
  }

  #removeExcess({ name, retentionBytes }: TopicSpec): number {
    if (retentionBytes === undefined) return 0
    const slots = this.#file.topic(name)?.slots ?? []
    const total = slots.reduce((sum, { bytes }) => sum + bytes, 0)
    if (total <= retentionBytes) return 0
    const oldest = this.#oldestHead(slots)
    if (oldest === undefined) return 0
    const perRecord = oldest.bytes / Math.max(1, oldest.next - oldest.start)
    const excess = Math.ceil((total - retentionBytes) / Math.max(1, perRecord))
    return this.#file.removeHead(oldest, Math.min(oldest.next, oldest.start + excess), CHUNK)
  }

  #oldestHead(slots: readonly Slot[]): Slot | undefined {
    const heads = slots.map((slot) => ({
      slot,
      ts: this.#file.page(slot, slot.start, 1)[0]?.timestamp ?? Number.POSITIVE_INFINITY,
    }))
    return heads.filter(({ ts }) => ts < Number.POSITIVE_INFINITY).sort((a, b) => a.ts - b.ts)[0]?.slot
  }
}
