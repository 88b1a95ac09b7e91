import type { Batch } from './broker.ts'

/** Longer than this between two fetches, and nobody was looking: a suspend, a stop. */
const BREAK_MS = 2_000

/**
 * How long a partition has been seen to be silent. The wall clock alone proves nothing (an outage, a stopped or
 * suspended process also hear nothing), so only an unbroken run of empty fetches at the partition's end counts.
 */
export class QuietRun {
  #start: number | null = null
  #startedAt = 0
  #end = 0
  /** From the start of one fetch to its end or to the start of the next, whichever is longer. */
  #longestStep = 0

  observe(batch: Batch, position: number): void {
    if (batch.records.length > 0 || position < batch.end) {
      this.#start = null
      return
    }
    const fetch = batch.endedAt - batch.startedAt
    const isBroken = this.#start === null || batch.startedAt - this.#end > BREAK_MS || fetch > BREAK_MS
    if (isBroken) {
      this.#start = fetch > BREAK_MS ? batch.endedAt : batch.startedAt
      this.#longestStep = fetch > BREAK_MS ? 0 : fetch
    } else this.#longestStep = Math.max(this.#longestStep, fetch, batch.startedAt - this.#startedAt)
    this.#startedAt = batch.startedAt
    this.#end = batch.endedAt
  }

  /** ms of silence that are certain to lie after `since`: counted from the first fetch that began after it. */
  silentSince(since: number): number {
    if (this.#start === null) return 0
    return this.#end - Math.max(this.#start, since + this.#longestStep)
  }

  get silentMs(): number {
    return this.#start === null ? 0 : this.#end - this.#start
  }
}
