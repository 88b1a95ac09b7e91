import type { Database, SQLQueryBindings } from 'bun:sqlite'

import { dayStartOf, INTERVALS, type Interval } from '../../trade.ts'
import type { Query, TableName, Tables } from '../store.ts'
import { COLUMNS } from './columns.ts'

/** Rows per page, and per statement: short enough that a page never holds up the writer. */
const PAGE_ROWS = 1000

interface Shape {
  table: string
  time: string
  /** What orders rows of one time: numbers, or one text. */
  position: readonly string[]
  isText: boolean
  /** The end of a row that spans time. It begins in the day in which it ends. */
  end: string | null
  hasInterval: boolean
  /** Holds one row per symbol. */
  isSingle: boolean
}

const LOG_POSITION = ['log_partition', 'log_offset', 'log_index']
const shape = (table: string, time: string, more: Partial<Shape> = {}): Shape => ({
  table,
  time,
  position: [],
  isText: false,
  end: null,
  hasInterval: false,
  isSingle: false,
  ...more,
})

const SHAPES = {
  trades: shape('trades', 'trade_ts', { position: LOG_POSITION }),
  windows: shape('running_averages_15_sec', 'window_end_ts'),
  candles: shape('candles', 'open_ts', { hasInterval: true }),
  late: shape('late_trades', 'trade_ts', { position: LOG_POSITION }),
  latest: shape('latest', 'trade_ts', { isSingle: true }),
  gaps: shape('gaps', 'from_ts', { position: ['cause'], isText: true, end: 'to_ts' }),
} satisfies Record<TableName, Shape>

/** What one statement can read in order: the rows of a symbol, and of an interval where the table has them. */
interface Group {
  symbol: string
  interval: Interval | null
}

/** Where the next page starts, exclusive: the time and position of the row before it. */
type Key = readonly (number | string)[]

type Filter = Omit<Query<unknown>, 'after'>

/** Pages in the order of `Query.order`, by keyset: each is found by the last row of the one before. */
export function* readPages<Name extends TableName>(
  db: Database,
  table: Name,
  query: Query<Tables[Name]>,
): Generator<readonly Tables[Name][]> {
  const shape = SHAPES[table]
  const statement = db.query<Tables[Name], SQLQueryBindings[]>(sqlOf(table, query.order ?? 'asc'))
  let left = query.limit ?? Number.POSITIVE_INFINITY
  let page: Tables[Name][] = []
  for (const { group, start } of groupsOf(db, shape, query)) {
    let key: Key | null = start
    while (key !== null && left > 0) {
      const wanted = Math.min(PAGE_ROWS - page.length, left)
      const rows: Tables[Name][] = statement.all(...bindings(shape, { group, key, query, limit: wanted }))
      page = page.length === 0 ? rows : page.concat(rows)
      left -= rows.length
      key = rows.length < wanted ? null : keyOf(shape, rows.at(-1))
      if (page.length < PAGE_ROWS) continue
      yield withBooleans(page)
      page = []
    }
  }
  if (page.length > 0) yield withBooleans(page)
}

/** Every symbol of a table, sorted. Jumps from symbol to symbol, whatever the number of rows. */
export function symbolsIn(db: Database, table: string): string[] {
  const next = db.query<{ symbol: string | null }, [string]>(
    `SELECT min(symbol) AS symbol FROM ${table} WHERE symbol > ?`,
  )
  const symbols: string[] = []
  for (let row = next.get(''); row?.symbol; row = next.get(row.symbol)) symbols.push(row.symbol)
  return symbols.sort()
}

function sqlOf(table: TableName, order: 'asc' | 'desc'): string {
  const { time, position, hasInterval, end, table: from }: Shape = SHAPES[table]
  const keys = [time, ...position]
  const isBehind = `(${keys.join()}) ${order === 'asc' ? '>' : '<'} (${keys.map(() => '?').join()})`
  const isInRange = order === 'asc' ? `${time} < ?` : `${time} >= ?`
  return `SELECT ${COLUMNS[table].join()} FROM ${from}
    WHERE symbol = ?${hasInterval ? ' AND interval = ?' : ''} AND ${isBehind} AND ${isInRange}${end === null ? '' : ` AND ${end} > ?`}
    ORDER BY ${keys.map((key) => `${key} ${order}`).join()} LIMIT ?`
}

function bindings(shape: Shape, part: { group: Group; key: Key; query: Filter; limit: number }): SQLQueryBindings[] {
  const { symbol, interval } = part.group
  const { query } = part
  const bound = query.order === 'desc' ? firstOf(shape, query) : toOf(query)
  const overlap = shape.end === null ? [] : [fromOf(query)]
  return [symbol, ...(interval === null ? [] : [interval]), ...part.key, bound, ...overlap, part.limit]
}

const fromOf = ({ from }: Filter): number =>
  Math.max(from === undefined ? Number.MIN_SAFE_INTEGER : Math.ceil(from), Number.MIN_SAFE_INTEGER)
const toOf = ({ to }: Filter): number =>
  Math.min(to === undefined ? Number.MAX_SAFE_INTEGER : Math.ceil(to), Number.MAX_SAFE_INTEGER)

/** No row of the answer has an earlier time. */
const firstOf = ({ end }: Shape, query: Filter): number =>
  end === null || query.from === undefined ? fromOf(query) : dayStartOf(fromOf(query))

/** The key before all rows of the range: in ascending order behind everything older, else before everything newer. */
const edgeOf = (shape: Shape, query: Filter): Key =>
  query.order === 'desc'
    ? [toOf(query), ...shape.position.map(() => (shape.isText ? '' : Number.MIN_SAFE_INTEGER))]
    : [firstOf(shape, query) - 1, ...shape.position.map(() => (shape.isText ? LAST_TEXT : Number.MAX_SAFE_INTEGER))]

const LAST_TEXT = '\u{10ffff}'

const keyOf = ({ time, position }: Shape, row: unknown): Key =>
  [time, ...position].map((column) => (row as Record<string, number | string>)[column] ?? 0)

function* groupsOf<Name extends TableName>(
  db: Database,
  shape: Shape,
  query: Query<Tables[Name]>,
): Generator<{ group: Group; start: Key }> {
  const isDescending = query.order === 'desc'
  const edge = edgeOf(shape, query)
  const after = query.after && { ...groupOf(query.after), key: keyOf(shape, query.after) }
  for (const group of orderedGroups(db, shape, query)) {
    const place = after ? compareGroups(group, after) * (isDescending ? -1 : 1) : 1
    if (place > 0) yield { group, start: edge }
    if (place === 0 && after && !shape.isSingle) yield { group, start: furthest(edge, after.key, isDescending) }
  }
}

function orderedGroups(db: Database, shape: Shape, query: Filter): Group[] {
  const symbols = query.symbols ? [...new Set(query.symbols)].sort() : symbolsIn(db, shape.table)
  const wanted = new Set(query.intervals ?? INTERVALS)
  const intervals = shape.hasInterval ? INTERVALS.filter((interval) => wanted.has(interval)) : [null]
  const groups = symbols.flatMap((symbol) => intervals.map((interval) => ({ symbol, interval })))
  return query.order === 'desc' ? groups.reverse() : groups
}

const groupOf = (row: { symbol: string; interval?: Interval }): Group => ({
  symbol: row.symbol,
  interval: row.interval ?? null,
})

function compareGroups(one: Group, other: Group): number {
  if (one.symbol !== other.symbol) return one.symbol < other.symbol ? -1 : 1
  return rankOf(one.interval) - rankOf(other.interval)
}

const rankOf = (interval: Interval | null): number => (interval === null ? -1 : INTERVALS.indexOf(interval))

/** The later of two keys, or the earlier when descending. */
function furthest(one: Key, other: Key, isDescending: boolean): Key {
  const at = one.findIndex((value, index) => value !== other[index])
  const isBehind = at >= 0 && (one[at] ?? 0) > (other[at] ?? 0)
  return isBehind !== isDescending ? one : other
}

/** SQLite has no booleans; the rows are fresh, so they are changed in place. */
function withBooleans<Row>(rows: Row[]): Row[] {
  const [first] = rows
  if (typeof first !== 'object' || first === null || !('final' in first)) return rows
  for (const row of rows as { final: unknown }[]) row.final = row.final === 1
  return rows
}
