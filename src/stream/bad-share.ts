import type { BadRecord } from './partition.ts'
import { StockpipeError } from '../errors.ts'

const RECENT = 1_000
/** Fewer bad records than this are no pattern. */
const FEWEST = 100

/**
 * A topic full of what cannot be read is a mistake of somebody's (another format, another topic), and must not be drained
 * into the dead-letter topic. Looks at the last 1,000 records of a partition.
 */
export class BadShare {
  readonly #maxPercent: number
  #seen = 0
  #recent: { at: number; bad: number }[] = []

  constructor(maxPercent: number) {
    this.#maxPercent = maxPercent
  }

  /** Before the bad ones are sent anywhere. Throws `too-many-bad`. */
  check(records: number, bad: readonly BadRecord[]): void {
    this.#seen += records
    if (bad.length === 0) return
    const offsets = new Set(bad.map(({ record }) => record.offset))
    this.#recent = this.#recent.filter(({ at }) => at > this.#seen - Math.max(RECENT, records))
    this.#recent.push({ at: this.#seen, bad: offsets.size })
    const count = this.#recent.reduce((sum, { bad }) => sum + bad, 0)
    const of = Math.min(this.#seen, Math.max(RECENT, records))
    if (count < FEWEST || (100 * count) / of <= this.#maxPercent) return
    const [first] = bad
    throw new StockpipeError('too-many-bad', `${count} of the last ${of} records cannot be used`, {
      why: `record ${first?.record.offset}: ${first?.detail}`,
      hint: 'look at who writes to the topic; to have them all in the dead-letter topic, restart with --max-bad-percent 100',
    })
  }
}
