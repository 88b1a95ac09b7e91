import type { Assignment } from './broker.ts'
import type { DurabilityWatch } from './durable.ts'
import type { ProcessorOptions } from './outlet.ts'
import type { Partition } from './partition.ts'
import { retry } from './retry.ts'
import { encodeTriple, type Triple } from './triple.ts'

const INTERVAL_MS = 500

/** Resolves when every row written so far is acknowledged. */
type Acknowledged = () => Promise<unknown>

/** A state whose rows are acknowledged; from `due` (ms by `Clock.elapsed`) on they are there for good. */
interface Eligible {
  triple: Triple
  due: number
}

export interface Committing {
  options: ProcessorOptions
  /** What the state depends on, as `recover` found it. */
  fingerprint: string
  watch: DurabilityWatch
  /** Aborts when there is no more time: then what is durable by now is committed, and the rest is not. */
  stop: AbortSignal
}

/** More states than this do not wait: the one before the last makes way. */
const MOST_WAITING = 200

/**
 * Commits what a partition has processed, once the rows of it are acknowledged and durable: the loop goes on meanwhile.
 * Not after every batch: a commit only bounds how much is read again, which is harmless.
 *
 * The order is the promise: rows acknowledged, lag passed, generation read, commit. A commit before any of these could
 * cover rows that a server loses.
 */
export class Committer {
  readonly #assignment: Assignment
  readonly #options: ProcessorOptions
  readonly #fingerprint: string
  readonly #watch: DurabilityWatch
  readonly #stop: AbortSignal
  readonly #hurry = new AbortController()
  /** Of the last state that was asked for. */
  #processed = -1
  #low = -1
  #at = Number.NEGATIVE_INFINITY
  #underWay: Promise<void> | null = null
  #eligible: Eligible[] = []
  #releasing: Promise<void> | null = null
  #failure: unknown = null
  #isLeftOutTold = false

  constructor(assignment: Assignment, { options, fingerprint, watch, stop }: Committing) {
    this.#assignment = assignment
    this.#options = options
    this.#fingerprint = fingerprint
    this.#watch = watch
    this.#stop = stop
  }

  isDue(partition: Partition): boolean {
    if (this.#failure !== null) return true
    if (this.#underWay !== null || partition.position - 1 === this.#processed) return false
    return this.#options.context.clock.elapsed() - this.#at >= INTERVAL_MS
  }

  /** The state of this moment is committed when `acknowledged` has resolved and its rows are durable. Throws what an earlier commit threw. */
  begin(partition: Partition, acknowledged: Acknowledged): void {
    this.#check()
    if (this.#underWay !== null) return
    const triple = partition.triple()
    if (triple === null || (triple.processed === this.#processed && triple.low === this.#low)) return
    this.#at = this.#options.context.clock.elapsed()
    this.#processed = triple.processed
    this.#low = triple.low
    this.#underWay = this.#gather(triple, acknowledged)
  }

  /**
   * Resolves when every row is acknowledged, and the newest state whose rows are durable by now is committed. `isLast`:
   * the very last one, however long it takes for that to be so.
   */
  async finish(partition: Partition, acknowledged: Acknowledged, isLast: boolean): Promise<void> {
    await this.#underWay
    await acknowledged()
    this.begin(partition, acknowledged)
    await this.#underWay
    if (!isLast) this.#hurry.abort()
    await this.#releasing
    this.#check()
    await this.#commitDue()
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async #gather(triple: Triple, acknowledged: Acknowledged): Promise<void> {
    try {
      await acknowledged()
      if (this.#eligible.length >= MOST_WAITING) this.#eligible.pop()
      this.#eligible.push({ triple, due: this.#options.context.clock.elapsed() + this.#watch.lagMs })
      this.#releasing ??= this.#release()
    } catch (error) {
      this.#failure ??= error
    }
    this.#underWay = null
  }

  /** Until nothing waits, or until there is no more time to wait. */
  async #release(): Promise<void> {
    const { clock } = this.#options.context
    const hurry = AbortSignal.any([this.#stop, this.#hurry.signal])
    try {
      for (let [next] = this.#eligible; next !== undefined && !hurry.aborted; [next] = this.#eligible) {
        const wait = next.due - clock.elapsed()
        if (wait > 0) await clock.sleep(wait, hurry)
        else await this.#commitDue()
      }
    } catch (error) {
      this.#failure ??= error
    }
    this.#releasing = null
  }

  /** The newest state whose time has come: it covers those before it. */
  async #commitDue(): Promise<void> {
    const now = this.#options.context.clock.elapsed()
    const due = this.#eligible.findLastIndex((one) => one.due <= now)
    const [last] = this.#eligible.splice(0, due + 1).slice(-1)
    if (last === undefined) return
    await this.#watch.confirm(this.#stop)
    await this.#commit(last.triple)
  }

  async #commit(triple: Triple): Promise<void> {
    const { context } = this.#options
    if (this.#assignment.signal.aborted) return
    const { metadata, leftOut } = encodeTriple(triple, this.#fingerprint)
    if (leftOut > 0 && !this.#isLeftOutTold)
      context.log.warn('processor.sessions_left_out', { partition: this.#assignment.partition, sessions: leftOut })
    this.#isLeftOutTold = leftOut > 0
    const commit = () => this.#assignment.commit(triple.low, metadata)
    await retry('log', commit, { context, signal: this.#stop })
  }
}
