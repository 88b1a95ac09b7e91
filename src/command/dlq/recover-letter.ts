import { StockpipeError } from '../../errors.ts'
import { parseFrame } from '../../ingest/frame.ts'
import type { Headers, LogRecord } from '../../stream/broker.ts'
import { decodeRecord } from '../../stream/codec.ts'
import { type Entry, entryProblem } from '../../trade.ts'
import { entryOf, type Letter } from './letter.ts'

/** What can be made of a letter today. */
export interface Recovered {
  /** Trades that no record of the log holds yet. */
  entries: readonly Entry[]
  /** Indexes of those that are repeated deliveries. */
  repeats: readonly number[]
  received: number | null
  skew: number
  /** What is still wrong; null: nothing. */
  problem: string | null
}

/** What the log knows of the letters' sources. */
export interface Known {
  /** Headers of the original records, by `partition:offset`. */
  originals: ReadonlyMap<string, Headers>
  /** Entries of the frame that were appended, by `session:seq`. */
  frames: ReadonlyMap<string, readonly Entry[]>
}

export const recoverLetter = (letter: Letter, known: Known): Recovered =>
  letter.origin === 'feed' ? ofFrame(letter, known) : ofRecord(letter, known)

/** A frame of the feed: what of it is a trade, and was none when it came. */
function ofFrame({ value, headers }: Letter, { frames }: Known): Recovered {
  const rest = { repeats: [], received: wholeNumber(headers['received']), skew: 0 }
  const parsed = parseFrame(Buffer.from(value ?? []).toString())
  if (parsed.kind !== 'trade')
    return {
      entries: [],
      ...rest,
      problem: parsed.kind === 'malformed' ? parsed.reason : `a frame of type ${parsed.kind}`,
    }
  const passed = Map.groupBy(frames.get(`${headers['session']}:${headers['seq']}`) ?? [], nameOf)
  const entries = parsed.entries.filter((entry) => passed.get(nameOf(entry))?.pop() === undefined)
  const problems = parsed.rejected.map(({ index, reason }) => `entry ${index}: ${reason}`)
  return { entries, ...rest, problem: problems.length === 0 ? null : problems.join(', ') }
}

const nameOf = ({ s, t, p, v, c }: Entry): string => JSON.stringify([s, t, p, v, c ?? null])

/** A record that could not be read: with its own headers or, where those are what is broken, with as many as make sense. */
function ofRecord(letter: Letter, { originals }: Known): Recovered {
  const { partition, offset } = letter.headers
  const headers = originals.get(`${partition}:${offset}`) ?? {}
  const none = { entries: [], repeats: [], received: null, skew: 0 }
  let failure = ''
  for (const tried of [headers, sensible(headers)])
    try {
      return fromEntries(letter, decodeRecord(recordOf(letter, tried)))
    } catch (error) {
      if (!(error instanceof StockpipeError)) throw error
      failure ||= error.message
    }
  return { ...none, problem: failure }
}

function fromEntries(
  letter: Letter,
  {
    entries: all,
    repeats,
    received,
    skew,
  }: Pick<Recovered, 'received' | 'skew'> & {
    entries: readonly Entry[]
    repeats: readonly number[] | null
  },
): Recovered {
  const only = entryOf(letter)
  const wanted = [...all.entries()].filter(([index]) => only === null || index === only)
  const problems = wanted.flatMap(([index, entry]) => {
    const problem = entryProblem(entry)
    return problem === null ? [] : [`entry ${index}: ${problem}`]
  })
  const valid = wanted.filter(([, entry]) => entryProblem(entry) === null)
  return {
    entries: valid.map(([, entry]) => entry),
    repeats: valid.flatMap(([index], at) => (repeats?.includes(index) ? [at] : [])),
    received,
    skew,
    problem: wanted.length === 0 ? 'it holds no trade' : problems.length === 0 ? null : problems.join(', '),
  }
}

const recordOf = ({ key, value }: Letter, headers: Headers): LogRecord => ({
  offset: 0,
  timestamp: 0,
  key,
  value,
  headers,
})

/** Without what cannot be read, and without the name of the framing, which the bytes then tell. */
function sensible(headers: Headers): Headers {
  const kept: Record<string, string> = {}
  for (const name of ['received', 'skew']) if (wholeNumber(headers[name]) !== null) kept[name] = headers[name] ?? ''
  if (/^\d+(,\d+)*$/.test(headers['repeats'] ?? '')) kept['repeats'] = headers['repeats'] ?? ''
  return kept
}

function wholeNumber(text: string | undefined): number | null {
  const value = Number(text)
  return text !== undefined && text !== '' && Number.isSafeInteger(value) ? value : null
}
