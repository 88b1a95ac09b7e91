import { bucketOf, dayOf, dayStartOf, hourOf, INTERVALS, type Interval } from '../../../trade.ts'
import type { Query, TableName } from '../../store.ts'
import type { Reader } from './session.ts'
import type { Kind } from './statements.ts'

/** Beyond every valid time, so that each bound has a bucket. */
const END_OF_TIME = 4_102_444_800_000 + 86_400_000

const CONTENTS_PAGE = 200
const POSITION = ['log_partition', 'log_offset', 'log_index'] as const
type Position = typeof POSITION | readonly ['cause'] | readonly []

/** The tables whose rows lie in buckets of time. */
export type Timed = Exclude<TableName, 'latest'>
export const isTimed = (table: TableName): table is Timed => table !== 'latest'

/** `[from, to)`; `after` is the key of the row to go on behind, where one time has many rows. */
export interface Bounds {
  from: number
  to: number
  after: readonly (number | string)[] | null
}

/** One Cassandra partition and what is wanted of it. */
export interface Part {
  /** The values of the partition key. */
  key: readonly string[]
  bounds: Bounds
}

interface Group {
  symbol: string
  interval: Interval | null
}

/** The row to go on behind: of its columns those that its table has in its key. */
interface AnyRow {
  symbol: string
  interval?: Interval
  trade_ts?: number
  window_end_ts?: number
  open_ts?: number
  log_partition?: number
  log_offset?: number
  log_index?: number
  from_ts?: number
  cause?: string
}

/** What is asked, whatever the table. */
export type AnyQuery = Omit<Query<unknown>, 'after'> & { after?: AnyRow }

interface Shape {
  time: 'trade_ts' | 'window_end_ts' | 'open_ts' | 'from_ts'
  /** What orders rows of one time. */
  position: Position
  /** The end of a row that spans time. It begins in the day in which it ends. */
  end: 'to_ts' | null
  bucket: (group: Group, ts: number) => string
}

const ofHour = (_: Group, ts: number) => hourOf(ts)
const ofDay = (_: Group, ts: number) => dayOf(ts)
const ofInterval = ({ interval }: Group, ts: number) => bucketOf(interval ?? '1s', ts)

/** How rows are found in each table. */
export const SHAPES: Readonly<Record<Timed, Shape>> = {
  trades: { time: 'trade_ts', position: POSITION, end: null, bucket: ofHour },
  windows: { time: 'window_end_ts', position: [], end: null, bucket: ofDay },
  candles: { time: 'open_ts', position: [], end: null, bucket: ofInterval },
  late: { time: 'trade_ts', position: POSITION, end: null, bucket: ofDay },
  gaps: { time: 'from_ts', position: ['cause'], end: 'to_ts', bucket: ofDay },
}

/** Every symbol with rows of a kind, sorted. */
export async function symbolsOf(reader: Reader, kinds: readonly Kind[]): Promise<string[]> {
  const found = new Set<string>()
  for (const kind of kinds) for await (const symbol of itemsOf(reader, { kind, symbol: '' })) found.add(symbol)
  return [...found].sort()
}

/** The Cassandra partitions that can hold rows of the answer, in the order of the answer. */
export async function* partsOf(reader: Reader, table: Timed, query: AnyQuery): AsyncGenerator<Part, void> {
  const { bucket } = SHAPES[table]
  const isDescending = query.order === 'desc'
  for (const group of await groupsOf(reader, table, query)) {
    const bounds = boundsOf(table, group, query)
    if (bounds === null || bounds.from >= bounds.to) continue
    const kind = group.interval ?? (table as Kind)
    const range = { first: bucket(group, bounds.from), last: bucket(group, bounds.to - 1), isDescending }
    for await (const item of itemsOf(reader, { kind, symbol: group.symbol }, range)) {
      const { symbol, interval } = group
      yield { key: interval === null ? [symbol, item] : [symbol, interval, item], bounds }
    }
  }
}

async function groupsOf(reader: Reader, table: TableName, query: AnyQuery): Promise<Group[]> {
  const wanted = new Set(query.intervals ?? INTERVALS)
  const intervals = table === 'candles' ? INTERVALS.filter((interval) => wanted.has(interval)) : [null]
  const kinds = intervals.map((interval) => interval ?? (table as Kind))
  const symbols = query.symbols ? [...new Set(query.symbols)].sort() : await symbolsOf(reader, kinds)
  const groups = symbols.flatMap((symbol) => intervals.map((interval) => ({ symbol, interval })))
  return query.order === 'desc' ? groups.reverse() : groups
}

/** Null: the whole group lies before the row to go on behind. */
function boundsOf(table: Timed, group: Group, query: AnyQuery): Bounds | null {
  const { time: column, position, end } = SHAPES[table]
  const from = end === null ? clamp(query.from ?? 0) : dayStartOf(clamp(query.from ?? 0))
  const to = clamp(query.to ?? END_OF_TIME)
  const { after } = query
  if (after === undefined) return { from, to, after: null }
  const isDescending = query.order === 'desc'
  const place = compareGroups(group, { symbol: after.symbol, interval: after.interval ?? null })
  if (place !== 0) return place > 0 === isDescending ? null : { from, to, after: null }
  const time = Number(after[column])
  if (position.length === 0) {
    if (isDescending) return { from, to: Math.min(to, time), after: null }
    return { from: Math.max(from, time + 1), to, after: null }
  }
  const isOutside = isDescending ? time >= to : time < from
  if (isOutside) return { from, to, after: null }
  const key = [time, ...position.map((name) => after[name] ?? 0)]
  return isDescending ? { from, to: time + 1, after: key } : { from: time, to, after: key }
}

const clamp = (time: number): number => Math.min(END_OF_TIME, Math.max(0, Math.ceil(time)))

function compareGroups(one: Group, other: Group): number {
  if (one.symbol !== other.symbol) return one.symbol < other.symbol ? -1 : 1
  return rankOf(one.interval) - rankOf(other.interval)
}

const rankOf = (interval: Interval | null): number => (interval === null ? -1 : INTERVALS.indexOf(interval))

interface Range {
  first: string
  last: string
  isDescending: boolean
}

/** The items of one partition of `contents`, page by page. */
async function* itemsOf(
  reader: Reader,
  of: { kind: Kind; symbol: string },
  range?: Range,
): AsyncGenerator<string, void> {
  const where = range === undefined ? '' : ' AND item >= ? AND item <= ?'
  const order = range?.isDescending ? ' ORDER BY item DESC' : ''
  const query = `SELECT item FROM ${reader.keyspace}.contents WHERE kind = ? AND symbol = ?${where}${order}`
  const params = [of.kind, of.symbol, ...(range === undefined ? [] : [range.first, range.last])]
  let pageState: string | undefined
  do {
    const page = await reader.execute(query, params, { fetchSize: CONTENTS_PAGE, pageState })
    for (const row of page.rows) yield String(row['item'])
    pageState = page.pageState ?? undefined
  } while (pageState !== undefined)
}
