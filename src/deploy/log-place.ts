/** How far a log was read. */

/** A line as the cluster gives it with its time: RFC 3339, to the nanosecond. */
const STAMPED = /^((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)) ?/

/**
 * Remembers what was read of a log, so that it is read on after a cut. The cluster can be asked for what came since a
 * second, and gives all of that second again: the lines of it that are known are counted here, by their time.
 */
export class LogPlace {
  #since: number | null = null
  /** Lines of that second and later, by their time. */
  #read = new Map<string, number>()
  /** Of those, what is to come once more. */
  #again = new Map<string, number>()

  /** From when to read on; null: nothing was read yet. */
  get since(): string | null {
    return this.#since === null ? null : new Date(this.#since).toISOString().replace('.000Z', 'Z')
  }

  /** Called before the log is asked for. */
  begin(): void {
    this.#again = new Map(this.#read)
  }

  /** Nothing before that time (ms) is wanted; it may be no number where nobody told it. */
  skipUntil(time: number): void {
    if (Number.isFinite(time)) this.#since ??= Math.floor(time / 1_000) * 1_000
  }

  /** The line without its time; null where it was read before. */
  take(line: string): string | null {
    const [head = '', stamp = '', seconds = '', zone = ''] = STAMPED.exec(line) ?? []
    // What a node says of a log in its place.
    if (stamp === '') return line
    const left = this.#again.get(stamp) ?? 0
    if (left > 0) {
      this.#again.set(stamp, left - 1)
      return null
    }
    this.#remember(stamp, Date.parse(`${seconds}${zone}`))
    return line.slice(head.length)
  }

  #remember(stamp: string, time: number): void {
    if (this.#since !== null && time < this.#since) return
    if (this.#since === null || time > this.#since) {
      this.#since = time
      this.#read.clear()
    }
    this.#read.set(stamp, (this.#read.get(stamp) ?? 0) + 1)
  }
}
