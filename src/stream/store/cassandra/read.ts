import type { Query, TableName, Tables } from '../../store.ts'
import { type AnyQuery, isTimed, type Part, partsOf, SHAPES, symbolsOf, type Timed } from './parts.ts'
import type { Reader } from './session.ts'
import { decoderOf, TABLES } from './tables.ts'

const PAGE_ROWS = 1000
/** Cassandra partitions under way at the same time, at most. */
const MOST_AHEAD = 8
const LATEST_AHEAD = 32

/** Pages in the order of `Query.order`, in constant memory. */
export async function* readPages<Name extends TableName>(
  reader: Reader,
  table: Name,
  query: Query<Tables[Name]>,
): AsyncGenerator<readonly Tables[Name][], void> {
  let left = query.limit ?? Number.POSITIVE_INFINITY
  if (left <= 0) return
  let page: Tables[Name][] = []
  for await (const rows of chunksOf(reader, table, query as AnyQuery)) {
    const wanted = left < rows.length ? rows.slice(0, left) : rows
    page = page.length === 0 ? wanted : page.concat(wanted)
    left -= wanted.length
    for (; page.length >= PAGE_ROWS; page = page.slice(PAGE_ROWS)) yield page.slice(0, PAGE_ROWS)
    if (left === 0) break
  }
  if (page.length > 0) yield page
}

const chunksOf = <Name extends TableName>(
  reader: Reader,
  table: Name,
  query: AnyQuery,
): AsyncGenerator<Tables[Name][], void> =>
  (isTimed(table) ? timedChunks(reader, table, query) : latestChunks(reader, query)) as AsyncGenerator<
    Tables[Name][],
    void
  >

interface Chunk {
  rows: unknown[]
  pageState: string | undefined
}

/**
 * The rows of one Cassandra partition after the other. A few partitions are asked ahead, the more the longer the
 * answer gets; of each the next page while the one before is used, unless the answer is likely to end before.
 */
async function* timedChunks(reader: Reader, table: Timed, query: AnyQuery): AsyncGenerator<unknown[], void> {
  const fetch = fetcherOf(reader, table, query)
  const isLong = (query.limit ?? Number.POSITIVE_INFINITY) > PAGE_ROWS
  for await (const { part, first } of askedAhead(partsOf(reader, table, query), isLong ? 2 : 1, fetch)) {
    let chunk = await first
    while (chunk.pageState !== undefined) {
      const next = isLong ? handled(fetch(part, chunk.pageState)) : null
      if (chunk.rows.length > 0) yield chunk.rows
      chunk = await (next ?? fetch(part, chunk.pageState))
    }
    if (chunk.rows.length > 0) yield chunk.rows
  }
}

type Fetch = (part: Part, pageState?: string) => Promise<Chunk>

async function* askedAhead(
  parts: AsyncGenerator<Part, void>,
  width: number,
  fetch: Fetch,
): AsyncGenerator<{ part: Part; first: Promise<Chunk> }, void> {
  const ahead: { part: Part; first: Promise<Chunk> }[] = []
  for await (const part of parts) {
    ahead.push({ part, first: handled(fetch(part)) })
    if (ahead.length < width) continue
    width = Math.min(MOST_AHEAD, width * 2)
    yield* ahead.splice(0, 1)
  }
  yield* ahead
}

/** Its error is seen when it is awaited, if it ever is. */
function handled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {})
  return promise
}

function fetcherOf(reader: Reader, table: Timed, query: AnyQuery): Fetch {
  const { name, columns, partition, types } = TABLES[table]
  const { time, position, end } = SHAPES[table]
  const decode = decoderOf(columns, types)
  const fetchSize = Math.min(PAGE_ROWS, query.limit ?? PAGE_ROWS)
  const isDescending = query.order === 'desc'
  const select = `SELECT ${columns.join()} FROM ${reader.keyspace}.${name} WHERE ${partition.map((column) => `${column} = ?`).join(' AND ')}`
  const order = isDescending ? ` ORDER BY ${time} DESC` : ''
  const overlaps = (row: unknown) => end === null || Number((row as Record<string, unknown>)[end]) > (query.from ?? 0)
  return async ({ key, bounds }, pageState) => {
    const { text, values } = rangeOf([time, ...position], bounds, isDescending)
    const result = await reader.execute(`${select} AND ${text}${order}`, [...key, ...values], { fetchSize, pageState })
    return { rows: result.rows.map(decode).filter(overlaps), pageState: result.pageState ?? undefined }
  }
}

/** In tuples throughout: Cassandra does not mix them with plain comparisons of the same column. */
function rangeOf(
  [time = '', ...position]: readonly string[],
  { from, to, after }: Part['bounds'],
  isDescending: boolean,
): { text: string; values: (number | string)[] } {
  if (after === null) return { text: `(${time}) >= (?) AND (${time}) < (?)`, values: [from, to] }
  const behind = `(${[time, ...position].join()}) ${isDescending ? '<' : '>'} (${after.map(() => '?').join()})`
  return isDescending
    ? { text: `(${time}) >= (?) AND ${behind}`, values: [from, ...after] }
    : { text: `${behind} AND (${time}) < (?)`, values: [...after, to] }
}

type Latest = Tables['latest']

/** One row per symbol; a few dozen symbols at a time. */
async function* latestChunks(reader: Reader, query: AnyQuery): AsyncGenerator<Latest[], void> {
  const { name, columns, types } = TABLES.latest
  const decode = decoderOf([...columns, 'stamp'], types)
  const select = `SELECT ${columns.join()}, WRITETIME(price) AS stamp FROM ${reader.keyspace}.${name} WHERE symbol = ?`
  const fetch = async (symbol: string) => (await reader.execute(select, [symbol])).rows.map(decode) as Latest[]
  const isInRange = ({ trade_ts }: Latest) => !(trade_ts < (query.from ?? 0)) && !(trade_ts >= (query.to ?? Infinity))
  const symbols = await latestSymbols(reader, query)
  for (let at = 0; at < symbols.length; at += LATEST_AHEAD) {
    const found = await Promise.all(symbols.slice(at, at + LATEST_AHEAD).map(fetch))
    yield found.flat().filter(isInRange)
  }
}

async function latestSymbols(reader: Reader, { symbols, order, after }: AnyQuery): Promise<string[]> {
  const all = symbols ? [...new Set(symbols)].sort() : await symbolsOf(reader, ['latest'])
  const isDescending = order === 'desc'
  const behind = all.filter(
    (symbol) => after === undefined || (isDescending ? symbol < after.symbol : symbol > after.symbol),
  )
  return isDescending ? behind.reverse() : behind
}
