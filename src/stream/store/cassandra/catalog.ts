import type { Host, types } from 'cassandra-driver'

import type { Interval } from '../../../trade.ts'
import {
  about,
  type Figure,
  type Kept,
  READ_AS,
  type Span,
  spansOf,
  type StoreCatalog,
  type StoredTable,
  type Survey,
  unknown,
} from '../catalog.ts'
import { datacenterOf, nodesOf } from './client.ts'
import { isRefused } from './errors.ts'
import type { Run } from './info.ts'
import type { CassandraOptions } from './options.ts'
import { SHAPES, type Timed } from './parts.ts'
import type { Session } from './session.ts'
import type { Kind } from './statements.ts'
import { ttlsOf } from './table-options.ts'
import { TABLES } from './tables.ts'

const INTERNAL = ['rollup', 'late_entries', 'contents', 'symbols', 'reprocess_runs', 'store_info', 'schema_migrations']
const NAMES = [...Object.keys(READ_AS), ...INTERNAL]

/** A column that every row has: its TTL is that of the row. */
const TOLD_BY: Readonly<Record<Timed, string>> = {
  trades: 'price',
  windows: 'n',
  candles: 'n',
  late: 'price',
  gaps: 'to_ts',
}

/** A TTL is in whole seconds, and clocks differ. */
const SLACK_MS = 60_000
const MIB = 1_048_576

const NO_ROWS = unknown('Cassandra does not count rows; counting would read them all')

export function createCatalog(run: Run, where: CassandraOptions): StoreCatalog {
  return { survey: () => run((session) => survey(session, where)) }
}

async function survey(session: Session, where: CassandraOptions): Promise<Survey> {
  const [defaults, sizes] = await Promise.all([defaultTtls(session, where), sizesOf(session, where)])
  const names = NAMES.filter((name) => defaults.has(name))
  const tables = names.map(async (name): Promise<StoredTable> => {
    const readAs = READ_AS[name] ?? null
    const kept = await keptIn(session, { where, name, defaultMs: defaults.get(name) ?? 0 })
    return { name, readAs, bytes: figureOf(sizes, [name]), rows: NO_ROWS, kept }
  })
  return { bytes: figureOf(sizes, names), tables: await Promise.all(tables) }
}

/** By the schema, which every login may read: how long (ms) rows of each table live that say nothing of it; 0: for ever. */
async function defaultTtls(session: Session, { keyspace }: CassandraOptions): Promise<Map<string, number>> {
  const { rows } = await session.execute(
    'SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?',
    [keyspace],
  )
  return new Map(rows.map((row) => [String(row['table_name']), Number(row['default_time_to_live']) * 1_000]))
}

/** By table: bytes on the disks of all nodes; or why they are not known. */
type Sizes = { byTable: ReadonlyMap<string, number>; nodes: number; away: number } | { why: string }

async function sizesOf(session: Session, where: CassandraOptions): Promise<Sizes> {
  const nodes = nodesOf(session.client, datacenterOf(session.client, where))
  const answers = await Promise.all(
    nodes.map((node) => sizesAt(session, node, where.keyspace).catch((error: unknown) => ({ error }))),
  )
  const found = answers.filter((answer): answer is Map<string, number> => answer instanceof Map)
  const refused = answers.find((answer) => !(answer instanceof Map) && isRefused(answer.error))
  if (refused !== undefined) return { why: REFUSED }
  if (found.length === 0) return { why: 'no node told how large its tables are' }
  const byTable = new Map(NAMES.map((name) => [name, found.reduce((sum, sizes) => sum + (sizes.get(name) ?? 0), 0)]))
  return { byTable, nodes: found.length, away: nodes.length - found.length }
}

const REFUSED =
  'this login may not read system_views.disk_usage, or this Cassandra has none (before 4.0): GRANT SELECT ON ' +
  'system_views.disk_usage to it, or run `stockpipe setup schema`, which does'

async function sizesAt(session: Session, host: Host, keyspace: string): Promise<Map<string, number>> {
  const sizes = await Promise.all(
    NAMES.map(async (name) => {
      const { rows } = await session.client.execute(
        'SELECT mebibytes FROM system_views.disk_usage WHERE keyspace_name = ? AND table_name = ?',
        [keyspace, name],
        { host, prepare: true, isIdempotent: true },
      )
      return [name, toNumber(rows[0]?.['mebibytes']) * MIB] as const
    }),
  )
  return new Map(sizes)
}

const toNumber = (value: unknown): number => Number(String((value as types.Long | undefined) ?? 0))

function figureOf(sizes: Sizes, names: readonly string[]): Figure {
  if ('why' in sizes) return unknown(sizes.why)
  const bytes = names.reduce((sum, name) => sum + (sizes.byTable.get(name) ?? 0), 0)
  const away = sizes.away === 0 ? '' : `; ${sizes.away} did not answer`
  const nodes = sizes.nodes === 1 ? 'one node' : `${sizes.nodes} nodes`
  return about(
    bytes,
    `on the disks of ${nodes}, in whole MiB; what is only in memory and commit log is not in it${away}`,
  )
}

interface Asked {
  where: CassandraOptions
  name: string
  defaultMs: number
}

async function keptIn(session: Session, { where, name, defaultMs }: Asked): Promise<Kept[]> {
  const table = READ_AS[name]
  if (table === undefined || table === 'latest') return []
  const ttls = ttlsOf(where.retention, where.clock.now())
  const ms = (seconds: number | null) => (seconds === null ? null : seconds * 1_000)
  const spans = spansOf(table, { tradesMs: ms(ttls.trades), candlesMs: ms(ttls.candles) })
  return Promise.all(spans.map(async (span) => judge(span, await newestTtl(session, table, span.interval), defaultMs)))
}

/**
 * How long (ms) the newest row of one symbol has still to live; null: for ever; undefined: there is none. Three reads
 * of one row each.
 */
async function newestTtl(
  session: Session,
  table: Timed,
  interval: Interval | null,
): Promise<number | null | undefined> {
  const kind: Kind = interval ?? (table as Kind)
  const symbol = await firstItem(session, { kind, symbol: '', order: 'ASC' })
  if (symbol === null) return undefined
  const bucket = await firstItem(session, { kind, symbol, order: 'DESC' })
  if (bucket === null) return undefined
  const { name, partition } = TABLES[table]
  const { rows } = await session.execute(
    `SELECT TTL(${TOLD_BY[table]}) AS ttl FROM ${session.keyspace}.${name}
      WHERE ${partition.map((column) => `${column} = ?`).join(' AND ')} ORDER BY ${SHAPES[table].time} DESC LIMIT 1`,
    interval === null ? [symbol, bucket] : [symbol, interval, bucket],
  )
  const [row] = rows
  if (row === undefined) return undefined
  const ttl: unknown = row['ttl']
  return typeof ttl === 'number' ? ttl * 1_000 : null
}

interface Contents {
  kind: Kind
  symbol: string
  order: 'ASC' | 'DESC'
}

async function firstItem(session: Session, { kind, symbol, order }: Contents): Promise<string | null> {
  const { rows } = await session.execute(
    `SELECT item FROM ${session.keyspace}.contents WHERE kind = ? AND symbol = ? ORDER BY item ${order} LIMIT 1`,
    [kind, symbol],
  )
  const item: unknown = rows[0]?.['item']
  return typeof item === 'string' ? item : null
}

/** Rows carry their TTL: the newest one shows what whoever writes is set to. Exported for its test. */
export function judge({ rows, wantedMs }: Span, ttlMs: number | null | undefined, defaultMs: number): Kept {
  const byDefault =
    defaultMs === 0 ? [] : [`rows written without a TTL live ${durationOf(defaultMs)}, by the table's own default`]
  const kept = (inForce: Kept['inForce'], ...notes: string[]): Kept => ({
    rows,
    wantedMs,
    inForce,
    note: [...notes, ...byDefault].join('; ') || null,
  })
  if (ttlMs === undefined) return kept('unknown', 'no row that could tell')
  if (ttlMs === null) return wantedMs === null ? kept('as-set') : kept('differs', 'the newest row never expires')
  const told = `the newest row expires in about ${durationOf(ttlMs)}`
  const isLonger = wantedMs === null || ttlMs > wantedMs + SLACK_MS
  return isLonger ? kept('differs', told) : kept('as-set', told)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** Whole units, and two of the largest at least: `7 d`, `36 h`, `90 s`. */
function durationOf(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms + 1_000 >= 2 * size) ?? ['s', 1_000]
  return `${Math.round(ms / size).toLocaleString('en')} ${unit}`
}
