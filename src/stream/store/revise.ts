import type { Database, SQLQueryBindings } from 'bun:sqlite'

import { noRows, type Rows } from '../store.ts'
import {
  type ReprocessRun,
  type Revised,
  type RevisedFrom,
  revisedRow,
  runOf,
  type RunRecord,
  runRecord,
} from './revisions.ts'

/** The windows and candles with stamps and revisions that replace what is there. */
export function revisedRows(db: Database, { windows, candles }: Revised, now: number): Rows {
  const ofWindow = db.query<RevisedFrom, [string, number]>(
    'SELECT revision, stamp FROM running_averages_15_sec WHERE symbol = ? AND window_end_ts = ?',
  )
  const ofCandle = db.query<RevisedFrom, [string, string, number]>(
    'SELECT revision, stamp FROM candles WHERE symbol = ? AND interval = ? AND open_ts = ?',
  )
  return {
    ...noRows(),
    windows: windows.map((row) => revisedRow(row, ofWindow.get(row.symbol, row.window_end_ts), now)),
    candles: candles.map((row) => revisedRow(row, ofCandle.get(row.symbol, row.interval, row.open_ts), now)),
  }
}

const COLUMNS = ['id', 'at', 'from_ts', 'to_ts', 'symbols', 'rule', 'log_ends', 'rows'] as const

export const readRuns = (db: Database): ReprocessRun[] =>
  db.query<RunRecord, []>(`SELECT ${COLUMNS.join()} FROM reprocess_runs ORDER BY at, id`).all().map(runOf)

export function writeRun(db: Database, run: ReprocessRun): void {
  const record = runRecord(run)
  const values: SQLQueryBindings[] = COLUMNS.map((column) => record[column])
  db.query(`INSERT OR REPLACE INTO reprocess_runs (${COLUMNS.join()}) VALUES (${COLUMNS.map(() => '?').join()})`).run(
    ...values,
  )
}
