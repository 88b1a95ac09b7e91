import type { LatestRow } from '../trade.ts'
import type { Verdict } from './judge.ts'
import type { Work } from './options.ts'
import { isGrowing, type Part } from './parts.ts'
import type { Patience } from './patience.ts'

type Price = Pick<LatestRow, 'price' | 'volume' | 'trade_ts' | 'received_ts'>
const COLUMNS = ['trade_ts', 'price', 'volume', 'received_ts'] as const

interface Wrong {
  symbol: string
  columns: readonly { column: string; stored: unknown; expected: unknown }[]
}

/** The newest price of every symbol: of equal times the last one in the log; price updates count. */
export class LatestCheck {
  readonly #work: Work
  readonly #newest = new Map<string, { price: Price; part: Part }>()
  /** Nothing older than what is stored is asked for where only a part of the past is. */
  readonly #isWanted: boolean

  constructor(work: Work) {
    this.#work = work
    this.#isWanted = work.range.to === Number.POSITIVE_INFINITY
  }

  add({ entries, received }: Verdict, part: Part): void {
    if (!this.#isWanted) return
    for (const { entry, what } of entries) {
      const { s, t, p, v } = entry
      if ((what !== 'trade' && what !== 'update') || !(this.#work.symbols?.includes(s) ?? true)) continue
      if (t < (this.#newest.get(s)?.price.trade_ts ?? 0)) continue
      this.#newest.set(s, { price: { trade_ts: t, price: p, volume: v, received_ts: received }, part })
    }
  }

  async compare(patience: Patience): Promise<void> {
    let wrong = await this.#wrong()
    while (wrong.length > 0 && (await patience.again())) wrong = await this.#wrong()
    const { findings } = this.#work
    findings.compared('latest', this.#newest.size)
    for (const { symbol, columns } of wrong)
      for (const column of columns) findings.add({ kind: 'latest', key: symbol, ...column })
  }

  async #wrong(): Promise<Wrong[]> {
    const stored = new Map<string, LatestRow>()
    const { store } = this.#work
    for await (const rows of store.read('latest', { symbols: [...this.#newest.keys()] }))
      for (const row of rows) stored.set(row.symbol, row)
    const wrong: Wrong[] = []
    for (const [symbol, { price, part }] of this.#newest) {
      const columns = columnsOf(stored.get(symbol), price)
      if (columns.length === 0) continue
      // A newer one than expected is what a longer log gives.
      if (columns.some(isOlder) || !(part.start > 0 || (await isGrowing(this.#work, part))))
        wrong.push({ symbol, columns })
    }
    return wrong
  }
}

const isOlder = ({ column, stored, expected }: Wrong['columns'][number]): boolean =>
  column === 'row' || (column === 'trade_ts' && Number(stored) < Number(expected))

function columnsOf(row: LatestRow | undefined, price: Price): Wrong['columns'] {
  if (row === undefined) return [{ column: 'row', stored: undefined, expected: `at ${price.trade_ts}` }]
  return COLUMNS.filter((column) => row[column] !== price[column]).map((column) => ({
    column,
    stored: row[column],
    expected: price[column],
  }))
}
