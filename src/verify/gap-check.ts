import type { GapMark } from '../stream/codec.ts'
import { dayOf, type GapRow } from '../trade.ts'
import { isGrowing, type Part } from './parts.ts'
import type { Work } from './options.ts'
import type { Patience } from './patience.ts'
import type { Difference } from './report.ts'

const DAY_MS = 86_400_000
/** More are not looked at. */
const MOST = 100_000

interface Hole {
  to: number
  /** Of several records that say the same, any. */
  details: ReadonlySet<string>
}

/** Gaps of the log's gap records: a row for each UTC day; of two that begin together the longer one stays. */
export class GapCheck {
  readonly #work: Work
  readonly #wanted = new Map<string, Hole>()

  constructor(work: Work) {
    this.#work = work
  }

  add({ symbol, from, to, cause, detail }: GapMark): void {
    if (!this.#isWanted(symbol)) return
    for (let start = from; start < to && this.#wanted.size < MOST;) {
      const end = Math.min(to, (Math.floor(start / DAY_MS) + 1) * DAY_MS)
      const key = keyOf({ symbol, from_ts: start, cause })
      const known = this.#wanted.get(key)
      if (known === undefined || end > known.to) this.#wanted.set(key, { to: end, details: new Set([detail]) })
      else if (end === known.to) this.#wanted.set(key, { ...known, details: new Set([...known.details, detail]) })
      start = end
    }
  }

  async compare(parts: readonly Part[], patience: Patience): Promise<void> {
    let differences = await this.#differences(parts)
    while (differences.length > 0 && (await patience.again())) differences = await this.#differences(parts)
    this.#work.findings.compared('gap', this.#wanted.size)
    for (const difference of differences) this.#work.findings.add(difference)
  }

  async #differences(parts: readonly Part[]): Promise<Difference[]> {
    const differences: Difference[] = []
    const missing = new Map(this.#wanted)
    for await (const rows of this.#work.store.read('gaps', {}))
      for (const row of rows) {
        const hole = missing.get(keyOf(row))
        missing.delete(keyOf(row))
        if (hole !== undefined) differences.push(...wrongIn(row, hole))
        else if (this.#isWanted(row.symbol) && !this.#wanted.has(keyOf(row)) && (await this.#isWhole(parts)))
          differences.push({ kind: 'gap', key: keyOf(row), column: 'row', stored: 'a row', expected: undefined })
      }
    for (const [key, { to }] of missing)
      differences.push({ kind: 'gap', key, column: 'row', stored: undefined, expected: `to ${to}` })
    return differences
  }

  #isWanted(symbol: string): boolean {
    return this.#work.symbols?.includes(symbol) ?? true
  }

  /** Where the head of a log is gone, or more came, it does not know all gaps. */
  async #isWhole(parts: readonly Part[]): Promise<boolean> {
    for (const part of parts) if (part.start > 0 || (await isGrowing(this.#work, part))) return false
    return this.#wanted.size < MOST
  }
}

const keyOf = ({ symbol, from_ts, cause }: Pick<GapRow, 'symbol' | 'from_ts' | 'cause'>): string =>
  `${symbol} ${from_ts} ${cause}`

function wrongIn(row: GapRow, { to, details }: Hole): Difference[] {
  const wrong: Omit<Difference, 'kind' | 'key'>[] = []
  if (row.to_ts !== to) wrong.push({ column: 'to_ts', stored: row.to_ts, expected: to })
  else if (!details.has(row.detail)) wrong.push({ column: 'detail', stored: row.detail, expected: [...details][0] })
  if (row.day !== dayOf(row.from_ts)) wrong.push({ column: 'day', stored: row.day, expected: dayOf(row.from_ts) })
  return wrong.map((difference) => ({ kind: 'gap', key: keyOf(row), ...difference }))
}
