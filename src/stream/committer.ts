import type { Assignment } from './broker.ts'
import type { ProcessorOptions } from './outlet.ts'
import type { Partition } from './partition.ts'
import { retry } from './retry.ts'
import { encodeTriple, type Triple } from './triple.ts'

const INTERVAL_MS = 500

/**
 * Commits what a partition has processed, once the rows of it are acknowledged: the loop goes on meanwhile. Not after
 * every batch: a commit only bounds how much is read again, which is harmless.
 */
export class Committer {
  readonly #assignment: Assignment
  readonly #options: ProcessorOptions
  readonly #fingerprint: string
  #committed = -1
  #low = -1
  #at = 0
  #underWay: Promise<void> | null = null
  #failure: unknown = null

  /** `fingerprint`: what the state depends on, as `recover` found it. */
  constructor(assignment: Assignment, options: ProcessorOptions, fingerprint: string) {
    this.#assignment = assignment
    this.#options = options
    this.#fingerprint = fingerprint
  }

  isDue(partition: Partition): boolean {
    if (this.#underWay !== null || partition.position - 1 === this.#committed) return false
    return this.#options.context.clock.now() - this.#at >= INTERVAL_MS
  }

  /** Commits the state of this moment as soon as `acknowledged` resolves. Throws what an earlier commit threw. */
  begin(partition: Partition, acknowledged: () => Promise<unknown>, stop: AbortSignal): void {
    this.#check()
    const now = this.#options.context.clock.now()
    const triple = partition.triple()
    if (triple === null || this.#underWay !== null) return
    if (triple.processed === this.#committed && triple.low === this.#low) return
    this.#at = now
    this.#underWay = this.#commit(triple, acknowledged, stop)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => (this.#underWay = null))
  }

  /** Resolves when every row is acknowledged and the last state, where it is another one, is committed. */
  async finish(partition: Partition, acknowledged: () => Promise<unknown>, stop: AbortSignal): Promise<void> {
    await this.#underWay
    await acknowledged()
    this.begin(partition, acknowledged, stop)
    await this.#underWay
    this.#check()
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async #commit(triple: Triple, acknowledged: () => Promise<unknown>, stop: AbortSignal): Promise<void> {
    const { context } = this.#options
    await acknowledged()
    if (this.#assignment.signal.aborted) return
    const { metadata, leftOut } = encodeTriple(triple, this.#fingerprint)
    if (leftOut > 0)
      context.log.warn('processor.sessions_left_out', { partition: this.#assignment.partition, sessions: leftOut })
    const commit = () => this.#assignment.commit(triple.low, metadata)
    await retry('log', commit, { context, signal: stop })
    this.#committed = triple.processed
    this.#low = triple.low
  }
}
