import type { Query, Tables } from '../stream/store.ts'
import type { Interval, TimeRange } from '../trade.ts'
import { refuse } from './problem.ts'
import type { StoreReader } from './store-reader.ts'
import { type Place, SERVED, type ServedName } from './table.ts'

export interface PageRequest {
  /** Null: of all. Only where `now` is given. */
  symbols: readonly string[] | null
  interval: Interval | null
  from: number | null
  to: number | null
  order: 'asc' | 'desc'
  limit: number
  cursor: string | null
  /** How far back a range reaches when nobody says where it begins (ms). */
  span: number
  /** Where a range ends when nobody says (ms); without it: behind the newest row. */
  now?: number
}

export interface Page<Row> {
  rows: Row[]
  next: string | null
  range: TimeRange
}

/** Where a page ended, and the range it was cut from: a default range must not move from page to page. */
export interface Cursor {
  range: TimeRange
  place: Place
}

/** One page of a table. A cursor of another query is refused (`invalid`). */
export async function readPage<Name extends ServedName>(
  store: StoreReader,
  table: Name,
  request: PageRequest,
): Promise<Page<Tables[Name]>> {
  const served = SERVED[table]
  const cursor = openCursor(table, request)
  const after = cursor === null ? null : served.fromPlace(cursor.place)
  if (cursor !== null && after === null) throw foreignCursor()
  const range = cursor?.range ?? (await rangeOf(store, table, request))
  const rows = await collect(store, table, {
    ...among(request),
    ...range,
    order: request.order,
    limit: request.limit + 1,
    ...(after === null ? {} : { after }),
  })
  const more = rows.length > request.limit
  if (more) rows.length = request.limit
  const last = rows.at(-1)
  return { rows, range, next: more && last ? sealCursor(table, request, { range, place: served.place(last) }) : null }
}

export async function collect<Name extends ServedName>(
  store: StoreReader,
  table: Name,
  query: Query<Tables[Name]>,
): Promise<Tables[Name][]> {
  const rows: Tables[Name][] = []
  for await (const page of store.read(table, query)) for (const row of page) rows.push(row)
  return rows
}

export const among = ({ symbols, interval }: Pick<PageRequest, 'symbols' | 'interval'>) => ({
  ...(symbols === null ? {} : { symbols }),
  ...(interval === null ? {} : { intervals: [interval] }),
})

/**
 * Without an end the range ends behind the newest row of these symbols, so that a recording of last year shows
 * something too; without a beginning it reaches `span` back from its end.
 */
async function rangeOf(store: StoreReader, table: ServedName, request: PageRequest): Promise<TimeRange> {
  if (request.from !== null) return { from: request.from, to: request.to ?? Number.MAX_SAFE_INTEGER }
  const to = request.to ?? request.now ?? (await newestOf(store, table, request)) + 1
  // With no row at all there is nothing to end at: the range is everything.
  return to === 1 ? { from: 0, to: Number.MAX_SAFE_INTEGER } : { from: Math.max(0, to - request.span), to }
}

async function newestOf(store: StoreReader, table: ServedName, request: PageRequest): Promise<number> {
  const times = await Promise.all(
    (request.symbols ?? []).map(async (symbol) => {
      const query = { ...among({ ...request, symbols: [symbol] }), order: 'desc' as const, limit: 1 }
      return timeOfFirst(store, table, query)
    }),
  )
  return Math.max(0, ...times)
}

async function timeOfFirst<Name extends ServedName>(
  store: StoreReader,
  table: Name,
  query: Query<Tables[Name]>,
): Promise<number> {
  const [row] = await collect(store, table, query)
  return row ? SERVED[table].timeOf(row) : 0
}

/** Everything but the page itself: a cursor belongs to one query. */
const fingerprint = (table: ServedName, request: PageRequest): number =>
  Bun.hash.xxHash32(JSON.stringify([table, request.symbols, request.interval, request.from, request.to, request.order]))

/** The cursor that goes on behind a row. */
export const sealCursor = (table: ServedName, request: PageRequest, { range, place }: Cursor): string =>
  Buffer.from(JSON.stringify([fingerprint(table, request), range.from, range.to, ...place])).toString('base64url')

/** Null when the request has none. */
export function openCursor(table: ServedName, request: PageRequest): Cursor | null {
  if (request.cursor === null) return null
  const parts = parseList(Buffer.from(request.cursor, 'base64url').toString())
  const [print, from, to, ...place] = parts ?? []
  if (print !== fingerprint(table, request) || typeof from !== 'number' || typeof to !== 'number') throw foreignCursor()
  return { range: { from, to }, place }
}

const foreignCursor = () => refuse('cursor', 'belongs to another query, or is none of this API; begin again without it')

function parseList(text: string): (string | number)[] | null {
  try {
    const value: unknown = JSON.parse(text)
    const isPlain = (part: unknown) => typeof part === 'string' || typeof part === 'number'
    return Array.isArray(value) && value.every(isPlain) ? value : null
  } catch {
    return null
  }
}
