import { createHash } from 'node:crypto'

import { StockpipeError } from '../../errors.ts'
import { Splitter } from '../../ingest/split.ts'
import type { Broker, Headers, NewRecord } from '../../stream/broker.ts'
import { decodeRecord, type Framing } from '../../stream/codec.ts'
import { deadLetterTopic } from '../../stream/topics.ts'
import type { Entry } from '../../trade.ts'
import { recordsOf } from '../../verify/read-log.ts'
import type { ProgressShown } from '../progress.ts'
import type { Letter } from './letter.ts'
import { type Known, type Recovered, recoverLetter } from './recover-letter.ts'

const APPEND_RECORDS = 500

export interface ReplayOptions {
  broker: Pick<Broker, 'read' | 'bounds' | 'append'>
  topic: string
  framing: Framing
  schemaId: number
  signal: AbortSignal
  progress: (progress: ProgressShown) => void
}

/** What becomes of a letter. */
export interface Outcome {
  letter: Letter
  /** `already`: it was replayed before. `nothing`: all of it is in the log. `unreadable`: still. */
  what: 'readable' | 'already' | 'nothing' | 'unreadable'
  recovered: Recovered
}

/** The session of a replayed letter, by which a second replay is recognised. */
export const sessionOf = ({ source }: Letter): string =>
  `dlq${createHash('sha256').update(source).digest('base64url').slice(0, 9)}`

/** Reads the log once to see what it holds of these letters. */
export async function planReplay(letters: readonly Letter[], options: ReplayOptions): Promise<Outcome[]> {
  const seen = await lookUp(letters, options)
  return letters.map((letter) => {
    const recovered = recoverLetter(letter, seen)
    const { entries, problem } = recovered
    const isAlready = seen.sessions.has(sessionOf(letter))
    const what = isAlready ? 'already' : entries.length > 0 ? 'readable' : problem === null ? 'nothing' : 'unreadable'
    return { letter, what, recovered }
  })
}

/** Appends what can be read to the topic, and what cannot to the dead letters again. */
export async function replayLetters(outcomes: readonly Outcome[], options: ReplayOptions): Promise<void> {
  const { broker, topic, framing, schemaId } = options
  const { length: partitions } = await broker.bounds(topic)
  const splitter = new Splitter({ partitions, framing, schemaId })
  const records: NewRecord[] = []
  const again: NewRecord[] = []
  for (const { letter, what, recovered } of outcomes) {
    if (what === 'readable') records.push(...splitter.split({ session: sessionOf(letter), seq: 0, ...recovered }))
    if (what === 'readable' || what === 'unreadable') again.push(...letterAgain(letter, recovered))
  }
  for (const [name, all] of [
    [topic, records],
    [deadLetterTopic(topic), again],
  ] as const)
    for (let at = 0; at < all.length; at += APPEND_RECORDS)
      await broker.append(name, all.slice(at, at + APPEND_RECORDS))
}

/** The letter with what is wrong with it now. Its session would make it one that the log has already. */
function letterAgain({ key, value, headers }: Letter, { problem }: Recovered): NewRecord[] {
  if (problem === null) return []
  const { k: _k, replayed = '0', ...rest } = headers
  return [{ key, value, headers: { ...rest, error: problem, replayed: String(Number(replayed) + 1) } }]
}

interface Seen extends Known {
  /** Of letters that were replayed before. */
  sessions: ReadonlySet<string>
}

async function lookUp(letters: readonly Letter[], options: ReplayOptions): Promise<Seen> {
  const { broker, topic, signal, progress } = options
  const wanted = wantedOf(letters)
  const originals = new Map<string, Headers>()
  const frames = new Map<string, Entry[]>()
  const sessions = new Set<string>()
  const bounds = await broker.bounds(topic)
  const total = bounds.reduce((sum, { start, end }) => sum + end - start, 0)
  let records = 0
  for (const [partition, range] of bounds.entries())
    for await (const batch of recordsOf({ broker, topic, partition, signal, ...range })) {
      for (const record of batch) {
        const { session, seq } = record.headers
        const place = `${partition}:${record.offset}`
        if (wanted.places.has(place)) originals.set(place, record.headers)
        if (session === undefined) continue
        if (wanted.sessions.has(session)) sessions.add(session)
        const frame = `${session}:${seq}`
        if (wanted.frames.has(frame)) frames.set(frame, [...(frames.get(frame) ?? []), ...entriesOf(record)])
      }
      records += batch.length
      progress({ records, total, doing: 'looking for what the log holds already' })
    }
  return { originals, frames, sessions }
}

const wantedOf = (letters: readonly Letter[]) => ({
  places: new Set(letters.map(({ headers: { partition, offset } }) => `${partition}:${offset}`)),
  frames: new Set(letters.map(({ headers: { session, seq } }) => `${session}:${seq}`)),
  sessions: new Set(letters.map(sessionOf)),
})

function entriesOf(record: Parameters<typeof decodeRecord>[0]): readonly Entry[] {
  try {
    return decodeRecord(record).entries
  } catch (error) {
    if (!(error instanceof StockpipeError)) throw error
    return []
  }
}
