import type { Headers } from './broker.ts'
import type { SessionMark } from './sessions.ts'
import type { WindowSettings } from './symbol-windows.ts'

/**
 * What is committed: the offset to read again from (`L`, the commit's offset itself) and, as metadata, everything
 * that cannot be read again: the watermark after the processed record, which record that was, and the newest
 * frame of each producer session *as of L*, for the records behind L are judged by it a second time.
 */
export interface Triple {
  /** L: the lowest offset that an open window needs. */
  low: number
  /** W: the watermark exactly after the processed record; null before any trade. */
  watermark: number | null
  /** P: the offset of the last processed record. */
  processed: number
  /** Tells whether the log still holds the same record at P. */
  identity: RecordIdentity
  incarnation: number
  sessions: readonly SessionMark[]
  /** Start of the first window that may be written, where the log's beginning was gone. */
  from: number | null
}

export interface RecordIdentity {
  timestamp: number
  session: string | null
  seq: string | null
}

export const identityOf = (timestamp: number, headers: Headers): RecordIdentity => ({
  timestamp,
  session: headers['session'] ?? null,
  seq: headers['session'] === undefined ? null : (headers['seq'] ?? null),
})

export const isSameRecord = (a: RecordIdentity, b: RecordIdentity): boolean =>
  a.timestamp === b.timestamp && a.session === b.session && a.seq === b.seq

/** State made under other window settings, or whose rows went to another store, is of no use: this names both. */
export const fingerprintOf = ({ window, hop, delay, futureLimit }: WindowSettings, store: string): string =>
  [window, hop, delay, futureLimit, store].join('/')

const VERSION = 1
/** What Kafka takes by default. */
const MAX_BYTES = 4096

/** Of more sessions than fit, those with the oldest records are left out. */
export function encodeTriple(triple: Triple, fingerprint: string): { metadata: string; leftOut: number } {
  const newest = [...triple.sessions].sort((a, b) => b.timestamp - a.timestamp)
  for (let kept = newest.length; ; kept = Math.floor(kept * 0.9)) {
    const metadata = JSON.stringify({
      version: VERSION,
      incarnation: triple.incarnation,
      watermark: triple.watermark,
      processed: triple.processed,
      record: [triple.identity.timestamp, triple.identity.session, triple.identity.seq],
      sessions: newest.slice(0, kept).map(({ session, seq, k, timestamp }) => [session, seq, k, timestamp]),
      fingerprint,
      from: triple.from,
    })
    if (kept === 0 || Buffer.byteLength(metadata) <= MAX_BYTES) return { metadata, leftOut: newest.length - kept }
  }
}

/** The processed offset that any build of ours committed, whatever its settings; null where nobody can tell. */
export function processedIn(metadata: string): number | null {
  try {
    const data: unknown = JSON.parse(metadata)
    return isTripleData(data) ? data.processed : null
  } catch {
    return null
  }
}

/** Null where the metadata is missing, unreadable, of other settings or another store: the log must be read from its start. */
export function decodeTriple(low: number, metadata: string, fingerprint: string): Triple | null {
  let data: unknown
  try {
    data = JSON.parse(metadata)
  } catch {
    return null
  }
  if (!isTripleData(data) || data.version !== VERSION || data.fingerprint !== fingerprint) return null
  return {
    low,
    watermark: data.watermark,
    processed: data.processed,
    identity: { timestamp: data.record[0], session: data.record[1], seq: data.record[2] },
    incarnation: data.incarnation,
    sessions: data.sessions.map(([session, seq, k, timestamp]) => ({ session, seq, k, timestamp })),
    from: data.from,
  }
}

interface TripleData {
  version: number
  incarnation: number
  watermark: number | null
  processed: number
  record: [number, string | null, string | null]
  sessions: [string, number, number, number][]
  fingerprint: string
  from: number | null
}

function isTripleData(data: unknown): data is TripleData {
  if (typeof data !== 'object' || data === null) return false
  const { incarnation, watermark, processed, record, sessions, from } = data as Partial<TripleData>
  const isNumberOrNull = (value: unknown) => value === null || typeof value === 'number'
  return (
    typeof incarnation === 'number' &&
    isNumberOrNull(watermark) &&
    typeof processed === 'number' &&
    Array.isArray(record) &&
    Array.isArray(sessions) &&
    sessions.every((mark) => Array.isArray(mark) && typeof mark[0] === 'string') &&
    isNumberOrNull(from)
  )
}
