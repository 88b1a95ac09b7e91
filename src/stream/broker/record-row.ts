import type { Headers, LogRecord, NewRecord } from '../broker.ts'

/** A record as `log-file.ts` reads it from the table `records`. */
export interface RecordRow {
  id: number
  ts: number
  key: string | null
  value: Uint8Array | null
  headers: string
  session: string | null
  seq: number | null
  k: number | null
}

/** Roughly what SQLite adds to each record: its row, its index entry, half-full pages. */
const OVERHEAD = 100

/** The size of a row as `sizeOf` counts it. */
export const SIZE_SQL = `coalesce(octet_length(value), 0) + coalesce(octet_length(key), 0) + octet_length(headers) + ${OVERHEAD}`

export const sizeOf = ({ key, value }: NewRecord, headers: string): number =>
  (value?.length ?? 0) + (key === null ? 0 : Buffer.byteLength(key)) + Buffer.byteLength(headers) + OVERHEAD

export interface Identity {
  session: string | null
  seq: number | null
  k: number | null
  /** The other headers. */
  rest: Headers
}

/** (session, seq, k), by which the log knows a record again, has columns of its own. A record without all three has none. */
export function identify(headers: Headers): Identity {
  const { session, seq, k, ...rest } = headers
  if (session === undefined || !isCount(seq) || !isCount(k)) return { session: null, seq: null, k: null, rest: headers }
  return { session, seq: Number(seq), k: Number(k), rest }
}

/** Whether the number gives back this very text. */
const isCount = (text: string | undefined): boolean =>
  text !== undefined && /^\d{1,15}$/.test(text) && String(Number(text)) === text

export function toRecord(row: RecordRow, base: number): LogRecord {
  const headers = JSON.parse(row.headers) as Record<string, string>
  if (row.session !== null) {
    headers['session'] = row.session
    headers['seq'] = String(row.seq)
    headers['k'] = String(row.k)
  }
  return { offset: row.id - base, timestamp: row.ts, key: row.key, value: row.value, headers }
}
