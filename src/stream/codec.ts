import avro from 'avsc'

import { StockpipeError } from '../errors.ts'
import { type Entry, isTime } from '../trade.ts'
import type { Headers, LogRecord } from './broker.ts'
import schema from './trade.avsc' with { type: 'json' }

/**
 * The one place where records are written and read. The value is Avro `FinnhubProducer.message`, either bare
 * (`raw`) or behind the five bytes of the Confluent wire format; everything else about a frame is in the headers,
 * so a reader that ignores headers still reads every trade.
 */

export const FRAMINGS = ['raw', 'confluent'] as const
export type Framing = (typeof FRAMINGS)[number]

/** The id under which the read-only registry of the API serves the schema. */
export const SCHEMA_ID = 1

interface Message {
  data: readonly Entry[]
  type: string
}

/** The Avro type itself, for measuring what the codec adds to it. */
export const messageType = avro.Type.forSchema(schema)
const PREFIX_BYTES = 5

/** What the producer knew about a frame when it wrote one of its records. */
export interface RecordMeta {
  session: string
  seq: number
  /** Which record of the frame. */
  k: number
  /** The previous seq of this session in this partition. */
  prev: number | null
  /** Unix ms, null when a recording does not say. */
  received: number | null
  /** How far the feed's clock was ahead of ours, ms. */
  skew: number
  /** Indexes of entries judged to be repeated deliveries. */
  repeats: readonly number[]
}

/** A hole in what was seen of a symbol: `[from, to)` in unix ms. */
export interface GapMark {
  symbol: string
  from: number
  to: number
  cause: string
  detail: string
}

/** A record read back. A record of another producer has no session. A seal or gap record has no entries. */
export interface DecodedRecord {
  entries: readonly Entry[]
  session: string | null
  seq: number
  k: number
  received: number | null
  skew: number
  repeats: readonly number[] | null
  /** Set on a seal. */
  watermark: number | null
  /** Set on a gap record. */
  gap: GapMark | null
}

/** Avro bytes of the entries. Throws `decode` with the path of the first field that is not of the schema. */
export function encodeValue(entries: readonly Entry[], framing: Framing, schemaId: number = SCHEMA_ID): Uint8Array {
  const message: Message = { data: entries, type: 'trade' }
  let body: Buffer
  try {
    body = messageType.toBuffer(message)
  } catch (cause) {
    throw new StockpipeError('decode', `cannot encode a trade: ${pathOf(message)} is not what the schema asks for`, {
      cause,
    })
  }
  if (framing === 'raw') return body
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + body.length)
  framed[0] = 0
  framed.writeInt32BE(schemaId, 1)
  body.copy(framed, PREFIX_BYTES)
  return framed
}

function pathOf(message: Message): string {
  let path = 'the message'
  messageType.isValid(message, {
    errorHook: (parts: string[]) => {
      path = parts.join('.')
    },
  })
  return path
}

export function encodeHeaders(meta: RecordMeta, framing: Framing): Headers {
  const headers: Record<string, string> = {
    framing,
    session: meta.session,
    seq: String(meta.seq),
    k: String(meta.k),
    skew: String(meta.skew),
  }
  if (meta.prev !== null) headers['prev'] = String(meta.prev)
  if (meta.received !== null) headers['received'] = String(meta.received)
  if (meta.repeats.length > 0) headers['repeats'] = meta.repeats.join(',')
  return headers
}

export const sealHeaders = (watermark: number, framing: Framing): Headers => ({ framing, watermark: String(watermark) })

export const gapHeaders = (gap: GapMark, framing: Framing): Headers => ({ framing, gap: JSON.stringify(gap) })

/** Throws `decode`, naming the path at which the bytes stop making sense. */
export function decodeRecord(record: LogRecord): DecodedRecord {
  const headers = record.headers
  const session = headers['session'] ?? null
  return {
    entries: decodeValue(record.value, headers['framing']),
    session,
    seq: session === null ? 0 : wholeNumber(headers, 'seq'),
    k: session === null ? 0 : wholeNumber(headers, 'k'),
    received: headers['received'] === undefined ? null : wholeNumber(headers, 'received'),
    skew: headers['skew'] === undefined ? 0 : wholeNumber(headers, 'skew'),
    repeats: headers['repeats'] === undefined ? null : indexes(headers['repeats']),
    watermark: headers['watermark'] === undefined ? null : wholeNumber(headers, 'watermark'),
    gap: headers['gap'] === undefined ? null : parseGap(headers['gap']),
  }
}

function decodeValue(value: Uint8Array | null, framing: string | undefined): readonly Entry[] {
  if (value === null) throw new StockpipeError('decode', 'cannot decode a record: it has no value')
  const bytes = value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const framed = framing === undefined ? bytes[0] === 0 && bytes.length > PREFIX_BYTES : framing === 'confluent'
  const body = framed ? bytes.subarray(PREFIX_BYTES) : bytes
  try {
    const message: Message = messageType.fromBuffer(body)
    return message.data
  } catch (cause) {
    throw new StockpipeError('decode', `cannot decode a record: ${brokenPath(body)}`, { cause })
  }
}

function wholeNumber(headers: Headers, name: string): number {
  const value = Number(headers[name])
  if (Number.isSafeInteger(value)) return value
  throw new StockpipeError('decode', `cannot decode a record: header ${name} is not a whole number`)
}

function indexes(text: string): readonly number[] {
  const list = text.split(',').map(Number)
  if (list.every((index) => Number.isSafeInteger(index) && index >= 0)) return list
  throw new StockpipeError('decode', 'cannot decode a record: header repeats is not a list of indexes')
}

function parseGap(text: string): GapMark {
  try {
    const { symbol, from, to, cause, detail } = JSON.parse(text) as Record<string, unknown>
    if (isName(symbol) && isTime(from) && isTime(to) && from <= to && isName(cause))
      return { symbol, from, to, cause, detail: typeof detail === 'string' ? detail : '' }
  } catch (cause) {
    throw new StockpipeError('decode', 'cannot decode a record: header gap is not JSON', { cause })
  }
  throw new StockpipeError('decode', 'cannot decode a record: header gap lacks symbol, from, to or cause')
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== ''

const longType = avro.Type.forSchema('long')
const stringType = avro.Type.forSchema('string')
const doubleType = avro.Type.forSchema('double')
const conditionsType = avro.Type.forSchema([{ type: 'array', items: ['null', 'string'] }, 'null'])
const ENTRY_FIELDS = [
  ['c', conditionsType],
  ['p', doubleType],
  ['s', stringType],
  ['t', longType],
  ['v', doubleType],
] as const

/** Walks the bytes field by field to say where they break: only done for a record that failed to decode. */
function brokenPath(body: Buffer): string {
  let at = 0
  let path = 'data'
  const read = (type: avro.Type, field: string): unknown => {
    path = field
    const { value, offset } = type.decode(body, at) as { value?: unknown; offset: number }
    if (offset < 0 || offset > body.length) throw new Error('truncated')
    at = offset
    return value
  }
  try {
    for (let index = 0, left = Number(read(longType, 'data')); left !== 0; left = Number(read(longType, 'data'))) {
      if (left < 0 || left > body.length) return `data claims ${left} entries in ${body.length} bytes`
      for (; left > 0; left--, index++) for (const [name, type] of ENTRY_FIELDS) read(type, `data.${index}.${name}`)
    }
    read(stringType, 'type')
  } catch {
    return `the bytes break off at ${path}`
  }
  return at < body.length ? `${body.length - at} bytes follow after type` : `${path} is not of the schema`
}
