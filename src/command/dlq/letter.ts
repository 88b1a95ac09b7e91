import type { Headers, LogRecord } from '../../stream/broker.ts'

/** A record of the dead-letter topic. */
export interface Letter {
  /** `partition:offset` in the dead-letter topic. */
  id: string
  /** When it was appended, unix ms. */
  at: number
  /** `feed`, or the topic that the record was in. */
  origin: string
  error: string
  key: string | null
  value: Uint8Array | null
  headers: Headers
  /** What it is a letter of: the same one may be there several times. */
  source: string
}

export function letterOf({ offset, timestamp, key, value, headers }: LogRecord, partition: number): Letter {
  const origin = headers['origin'] ?? 'unknown'
  const error = headers['error'] ?? ''
  const id = `${partition}:${offset}`
  return { id, at: timestamp, origin, error, key, value, headers, source: sourceOf(headers, origin) ?? `letter ${id}` }
}

function sourceOf(headers: Headers, origin: string): string | null {
  const { partition, offset, session, seq } = headers
  if (origin === 'feed') return session === undefined ? null : `feed ${session}:${seq}`
  if (partition === undefined || offset === undefined) return null
  return `${origin} ${partition}:${offset}${entryIndex(headers) ?? ''}`
}

/** ` entry 3`: one entry of the record is bad, its neighbours passed. */
function entryIndex({ reason, error = '' }: Headers): string | null {
  const index = reason === 'invalid-entry' ? /^entry (\d+):/.exec(error)?.[1] : undefined
  return index === undefined ? null : ` entry ${index}`
}

/** Index of the only entry that the letter is about; null: all of them. */
export function entryOf({ source }: Letter): number | null {
  const index = / entry (\d+)$/.exec(source)?.[1]
  return index === undefined ? null : Number(index)
}
