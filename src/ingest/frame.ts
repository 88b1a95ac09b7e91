import { type Entry, entryProblem, type EntryProblem } from '../trade.ts'

/** What one websocket text message says. Only `trade` carries entries; `malformed` is nothing we can use. */
export type ParsedFrame =
  | { kind: 'trade'; entries: Entry[]; rejected: { index: number; reason: EntryProblem }[] }
  | { kind: 'ping' }
  | { kind: 'error'; message: string }
  | { kind: 'other'; type: string }
  | { kind: 'malformed'; reason: 'not-json' | 'not-an-object' | 'no-trades' | 'bad-line' }

/** Reads a frame. Never throws: an invalid entry is rejected alone, its neighbours pass. */
export function parseFrame(text: string): ParsedFrame {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return { kind: 'malformed', reason: 'not-json' }
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    return { kind: 'malformed', reason: 'not-an-object' }
  const { type, data, msg } = message as { type?: unknown; data?: unknown; msg?: unknown }
  if (type === 'trade') return Array.isArray(data) ? readTrades(data) : { kind: 'malformed', reason: 'no-trades' }
  if (type === 'ping') return { kind: 'ping' }
  // A line of a recording that could not be taken apart: a frame of the feed never looks like this.
  if (type === undefined && ('frame' in message || 'received' in message))
    return { kind: 'malformed', reason: 'bad-line' }
  if (type === 'error') return { kind: 'error', message: typeof msg === 'string' ? msg : 'no reason given' }
  return { kind: 'other', type: typeof type === 'string' ? type : 'none' }
}

function readTrades(data: readonly unknown[]): ParsedFrame {
  const entries: Entry[] = []
  const rejected: { index: number; reason: EntryProblem }[] = []
  for (let index = 0; index < data.length; index++) {
    const item = data[index]
    const entry = (typeof item === 'object' && item !== null ? item : {}) as Entry
    const reason = entryProblem(entry)
    if (reason === null) entries.push({ c: entry.c ?? null, p: entry.p, s: entry.s, t: entry.t, v: entry.v })
    else rejected.push({ index, reason })
  }
  return { kind: 'trade', entries, rejected }
}
