/** For how long records wait, by somebody who only looks at the ends of the log now and then. */
import type { Bounds } from '../stream/broker.ts'

/** At this time (ms) the partition ended there. */
interface Mark {
  end: number
  at: number
}

/** An age is right to this part of the time that has passed since the oldest mark. */
const PARTS = 128

/** What was seen of the log, as far as it is not processed: the longer that takes, the fewer marks of it. */
export class Waiting {
  readonly #marks = new Map<number, Mark[]>()

  saw(bounds: readonly Bounds[], at: number): void {
    for (const [partition, { end }] of bounds.entries()) {
      const marks = this.#marks.get(partition) ?? []
      this.#marks.set(partition, marks)
      // What is beyond the end now was lost with its log, and will never be processed.
      while ((marks.at(-1)?.end ?? end) > end) marks.pop()
      const [last, beforeLast] = [marks.at(-1), marks.at(-2)]
      if (last?.end === end) continue
      const least = (at - (marks[0]?.at ?? at)) / PARTS
      // Never the newest: nothing that came later would be seen to wait.
      if (last !== undefined && beforeLast !== undefined && last.at - beforeLast.at < least) marks.pop()
      marks.push({ end, at })
    }
  }

  /** Since when the oldest record that is not processed has been there, at the latest; null: none waits. */
  since(positions: readonly number[]): number | null {
    const oldest = positions.flatMap((position, partition) => {
      const marks = (this.#marks.get(partition) ?? []).filter(({ end }) => end > position)
      this.#marks.set(partition, marks)
      return marks[0]?.at ?? []
    })
    return oldest.length === 0 ? null : Math.min(...oldest)
  }

  /** How many marks it keeps. */
  get size(): number {
    return [...this.#marks.values()].reduce((sum, marks) => sum + marks.length, 0)
  }
}
