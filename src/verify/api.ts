import { StockpipeError } from '../errors.ts'
import type { TradeRow } from '../trade.ts'
import type { Group, Row } from './compare.ts'
import { idOf } from './ledger.ts'
import type { Work } from './options.ts'

type ServedRow = Readonly<Record<string, unknown>>

/** A page of a list, as `/v1/...` answers. */
interface Answer {
  data: ServedRow[]
  next_cursor: string | null
}

const LIMIT = 5_000
const CHUNK = 1_000

/** Compares what the API serves with what is stored. */
export class ApiReader {
  readonly #url: string
  readonly #token: string | null

  constructor(url: string, token: string | null) {
    this.#url = url.replace(/\/$/, '')
    this.#token = token
  }

  /** Windows or candles of a stretch. `rows`: the stored ones that are final, in their order. */
  async compare({ findings }: Pick<Work, 'findings'>, { symbol, kind }: Group, rows: readonly Row[]): Promise<void> {
    const path = kind === 'window' ? '/v1/windows' : '/v1/candles'
    const timeOf = (row: Row) => ('interval' in row ? row.open_ts : row.window_end_ts)
    for (let at = 0; at < rows.length; at += CHUNK) {
      const chunk = rows.slice(at, at + CHUNK)
      const [first, last] = [chunk[0], chunk.at(-1)]
      if (first === undefined || last === undefined) return
      const served = await this.#all(path, {
        symbol,
        ...(kind === 'window' ? {} : { interval: kind }),
        from: String(timeOf(first)),
        to: String(timeOf(last) + 1),
      })
      const byTime = new Map(served.map((row) => [row['open_ts'] ?? row['window_end_ts'], row]))
      const name = kind === 'window' ? symbol : `${symbol} ${kind}`
      for (const row of chunk) tell(findings, `${path} ${name} ${timeOf(row)}`, row, byTime.get(timeOf(row)))
    }
  }

  /** Trades of one page, in their order. */
  async compareTrades({ findings }: Pick<Work, 'findings'>, rows: readonly TradeRow[]): Promise<void> {
    for (const [symbol, group] of Map.groupBy(rows, (row) => row.symbol)) {
      const [first, last] = [group[0], group.at(-1)]
      if (first === undefined || last === undefined) continue
      const range = { from: String(first.trade_ts), to: String(last.trade_ts + 1) }
      const served = await this.#all('/v1/trades', { symbol, ...range })
      const byId = new Map(served.map((row) => [idOf(row as unknown as TradeRow), row]))
      for (const row of group) tell(findings, `/v1/trades ${symbol} ${idOf(row)}`, row, byId.get(idOf(row)))
    }
  }

  async #all(path: string, query: Readonly<Record<string, string>>): Promise<ServedRow[]> {
    const rows: ServedRow[] = []
    let cursor: string | null = null
    do {
      const params = new URLSearchParams({ ...query, limit: String(LIMIT), ...(cursor === null ? {} : { cursor }) })
      const answer: Answer = await this.#get(`${path}?${params.toString()}`)
      rows.push(...answer.data)
      cursor = answer.next_cursor
    } while (cursor !== null)
    return rows
  }

  async #get(path: string): Promise<Answer> {
    const headers = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }
    let response: Response
    try {
      response = await fetch(this.#url + path, { headers })
    } catch (cause) {
      throw new StockpipeError('unreachable', `the API at ${this.#url} does not answer`, { cause })
    }
    // Of a symbol without any row.
    if (response.status === 404) return { data: [], next_cursor: null }
    if (response.ok) return (await response.json()) as Answer
    throw new StockpipeError('unreachable', `the API at ${this.#url} answers ${response.status} for ${path}`, {
      why: (await response.text()).slice(0, 300),
      ...(response.status === 401 ? { hint: 'name the token by --api-token-file' } : {}),
    })
  }
}

function tell(findings: Work['findings'], key: string, row: Row | TradeRow, served: ServedRow | undefined): void {
  findings.compared('api', 1)
  if (served === undefined)
    return findings.add({ kind: 'api', key, column: 'row', stored: undefined, expected: 'a row' })
  for (const [column, stored] of Object.entries(row) as [string, unknown][])
    if (plain(served[column]) !== plain(stored))
      findings.add({ kind: 'api', key, column, stored: served[column], expected: stored })
}

/** JSON has no number that is none. */
const plain = (value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? null : value)
