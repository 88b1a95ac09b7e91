import type { Assignment } from './broker.ts'
import type { ProcessorOptions } from './outlet.ts'
import type { Partition } from './partition.ts'
import { retry } from './retry.ts'
import { encodeTriple } from './triple.ts'

const INTERVAL_MS = 500

/**
 * Commits what a partition has processed. The caller has had every row acknowledged before, those of open windows
 * and the newest prices too. Not after every batch: a commit only bounds how much is read again, which is harmless.
 */
export class Committer {
  readonly #assignment: Assignment
  readonly #options: ProcessorOptions
  readonly #fingerprint: string
  #committed = -1
  #low = -1
  #at = 0

  /** `fingerprint`: what the state depends on, as `recover` found it. */
  constructor(assignment: Assignment, options: ProcessorOptions, fingerprint: string) {
    this.#assignment = assignment
    this.#options = options
    this.#fingerprint = fingerprint
  }

  isDue(partition: Partition): boolean {
    if (partition.position - 1 === this.#committed) return false
    return this.#options.context.clock.now() - this.#at >= INTERVAL_MS
  }

  async commit(partition: Partition, stop: AbortSignal): Promise<void> {
    const { context } = this.#options
    const { clock, log } = context
    const now = clock.now()
    const triple = partition.triple()
    if (triple === null || this.#assignment.signal.aborted) return
    if (triple.processed === this.#committed && triple.low === this.#low) return
    const { metadata, leftOut } = encodeTriple(triple, this.#fingerprint)
    if (leftOut > 0)
      log.warn('processor.sessions_left_out', { partition: this.#assignment.partition, sessions: leftOut })
    const commit = () => this.#assignment.commit(triple.low, metadata)
    await retry('log', commit, { context, signal: stop })
    this.#committed = triple.processed
    this.#low = triple.low
    this.#at = now
  }
}
