import type { types } from 'cassandra-driver'

import type { CandleRow, Stamped, WindowRow } from '../../../trade.ts'
import { type ReprocessRun, type Revised, type RevisedFrom, revisedRow, runOf, runRecord } from '../revisions.ts'
import { noRows } from '../../store.ts'
import type { Reader, Session } from './session.ts'
import { rowPackets, tradeRowPackets } from './row-packets.ts'
import { type Writing, writePackets } from './write.ts'

/** Rows whose stamps are asked for at the same time. */
const AHEAD = 32

/** Resolves when every row is acknowledged. */
export async function reviseRows(rows: Revised, now: number, writing: Writing): Promise<void> {
  const { session, statements } = writing
  const windows = await inTurn(rows.windows, async (row): Promise<Stamped<WindowRow>> => {
    const where = 'symbol = ? AND day = ? AND window_end_ts = ?'
    const key = [row.symbol, row.day, row.window_end_ts]
    return revisedRow(row, await stampOf(session, { table: 'running_averages_15_sec', where, key }), now)
  })
  const candles = await inTurn(rows.candles, async (row): Promise<Stamped<CandleRow>> => {
    const where = 'symbol = ? AND interval = ? AND bucket = ? AND open_ts = ?'
    const key = [row.symbol, row.interval, row.bucket, row.open_ts]
    return revisedRow(row, await stampOf(session, { table: 'candles', where, key }), now)
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

async function stampOf(
  session: Session,
  { table, where, key }: { table: string; where: string; key: unknown[] },
): Promise<RevisedFrom | null> {
  const select = `SELECT revision, WRITETIME(n) AS stamp FROM ${session.keyspace}.${table} WHERE ${where}`
  const row = (await session.execute(select, key)).rows[0]
  if (row === undefined) return null
  return { revision: Number(row['revision']), stamp: Number((row['stamp'] as types.Long | null)?.toString() ?? 0) }
}

const COLUMNS = ['id', 'at', 'from_ts', 'to_ts', 'symbols', 'rule', 'log_ends', 'rows'] as const

export async function readRuns(reader: Reader): Promise<readonly ReprocessRun[]> {
  const { rows } = await reader.execute(`SELECT ${COLUMNS.join()} FROM ${reader.keyspace}.reprocess_runs`)
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
    `INSERT INTO ${session.keyspace}.reprocess_runs (${COLUMNS.join()}) VALUES (${COLUMNS.map(() => '?').join()})`,
    COLUMNS.map((column) => record[column]),
  )
}
