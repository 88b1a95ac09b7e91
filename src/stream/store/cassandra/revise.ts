import type { types } from 'cassandra-driver'

import type { CandleRow, Stamped, WindowRow } from '../../../trade.ts'
import { type ReprocessRun, type Revised, type RevisedFrom, revisedRow, runOf, runRecord } from '../revisions.ts'
import { COLUMNS } from '../columns.ts'
import { noRows } from '../../store.ts'
import { TABLES } from './tables.ts'
import type { Reader, Session } from './session.ts'
import { rowPackets, tradeRowPackets } from './row-packets.ts'
import { type Writing, writePackets } from './write.ts'

/** Rows whose stamps are asked for at the same time. */
const AHEAD = 32

/** Resolves when every row is acknowledged. */
export async function reviseRows(rows: Revised, now: number, writing: Writing): Promise<void> {
  const { session, statements } = writing
  const windows = await inTurn(rows.windows, async (row): Promise<Stamped<WindowRow>> => {
    const key = { symbol: row.symbol, day: row.day, window_end_ts: row.window_end_ts }
    return revisedRow(row, await stampOf(session, { table: TABLES.windows.name, columns: COLUMNS.windows, key }), now)
  })
  const candles = await inTurn(rows.candles, async (row): Promise<Stamped<CandleRow>> => {
    const key = { symbol: row.symbol, interval: row.interval, bucket: row.bucket, open_ts: row.open_ts }
    return revisedRow(row, await stampOf(session, { table: TABLES.candles.name, columns: COLUMNS.candles, key }), now)
  })
  await writePackets(function* (contents) {
    yield* tradeRowPackets(rows.repeats, statements, contents)
    yield* rowPackets({ ...noRows(), windows, candles }, statements, contents)
  }, writing)
}

async function inTurn<Row, Result>(rows: readonly Row[], work: (row: Row) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (let at = 0; at < rows.length; at += AHEAD)
    results.push(...(await Promise.all(rows.slice(at, at + AHEAD).map(work))))
  return results
}

interface Place {
  table: string
  columns: readonly string[]
  key: Readonly<Record<string, unknown>>
}

/** The largest stamp of its cells: they are resolved one by one. */
async function stampOf(session: Session, { table, columns, key }: Place): Promise<RevisedFrom | null> {
  const cells = columns.filter((column) => !(column in key))
  const stamps = cells.map((column) => `WRITETIME(${column}) AS stamp_${column}`)
  const where = Object.keys(key).map((column) => `${column} = ?`)
  const select = `SELECT revision, ${stamps.join()} FROM ${session.keyspace}.${table} WHERE ${where.join(' AND ')}`
  const row = (await session.execute(select, Object.values(key))).rows[0]
  if (row === undefined) return null
  const stamp = Math.max(
    ...cells.map((column) => Number((row[`stamp_${column}`] as types.Long | null)?.toString() ?? 0)),
  )
  return { revision: Number(row['revision'] ?? 0), stamp }
}

const RUN_COLUMNS = ['id', 'at', 'from_ts', 'to_ts', 'symbols', 'rule', 'log_ends', 'rows'] as const

export async function readRuns(reader: Reader): Promise<readonly ReprocessRun[]> {
  const { rows } = await reader.execute(`SELECT ${RUN_COLUMNS.join()} FROM ${reader.keyspace}.reprocess_runs`)
  const runs = rows.map((row) =>
    runOf({
      id: String(row['id']),
      at: (row['at'] as Date).getTime(),
      from_ts: (row['from_ts'] as Date).getTime(),
      to_ts: (row['to_ts'] as Date).getTime(),
      symbols: row['symbols'] as string | null,
      rule: String(row['rule']),
      log_ends: String(row['log_ends']),
      rows: row['rows'] === null ? null : Number((row['rows'] as types.Long).toString()),
    }),
  )
  return runs.sort((a, b) => a.at - b.at)
}

export async function writeRun(session: Session, run: ReprocessRun): Promise<void> {
  const record = runRecord(run)
  await session.execute(
    `INSERT INTO ${session.keyspace}.reprocess_runs (${RUN_COLUMNS.join()}) VALUES (${RUN_COLUMNS.map(() => '?').join()})`,
    RUN_COLUMNS.map((column) => record[column]),
  )
}
