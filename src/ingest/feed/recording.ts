import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'

import { StockpipeError } from '../../errors.ts'
import { entryProblem } from '../../trade.ts'
import { parseFrame } from '../frame.ts'

/** One line of a recording. */
export interface RecordedFrame {
  conn: number
  received: number | null
  text: string
}

const LONGEST_LINE = 16_000_000

/** The bytes of a recording, unpacked where its name ends in `.zst`; `-` is stdin. A pack cut short is an error. */
async function* bytesOf(file: string): AsyncIterable<Uint8Array> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file)
  try {
    for await (const chunk of file.endsWith('.zst') ? unpacked(source) : source) yield chunk as Uint8Array
  } catch (cause) {
    throw new StockpipeError('replay-file', `cannot read the recording ${file}`, {
      cause,
      hint: 'check its name and rights, and that it is whole',
    })
  } finally {
    source.destroy()
  }
}

/** Not by `node:zlib`: its zstd stream ends without an error where the pack is cut short. */
const unpacked = (source: Readable): AsyncIterable<unknown> =>
  (Readable.toWeb(source) as unknown as ReadableStream<BufferSource>).pipeThrough(new DecompressionStream(ZSTD))
/** Known to Bun, not yet to the types of the web. */
const ZSTD = 'zstd' as string as CompressionFormat

/**
 * Reads a file once through: hash and size of the unpacked content. Throws `replay-file` for what cannot be read to
 * its end, is empty or no recording.
 */
export async function fingerprint(file: string): Promise<{ hash: string; bytes: number }> {
  const hasher = new Bun.CryptoHasher('sha256')
  let bytes = 0
  let isEmpty = true
  let isRecording = false
  const take = (chunk: Uint8Array) => {
    hasher.update(chunk)
    bytes += chunk.length
  }
  for await (const lines of linesOf(file, take)) {
    isEmpty &&= lines.length === 0
    isRecording ||= lines.some(({ line }) => line.startsWith('{') && readLine(line, 0).problem === null)
  }
  if (isRecording) return { hash: hasher.digest('hex'), bytes }
  throw new StockpipeError('replay-file', `${file} is ${isEmpty ? 'empty' : 'no recording'}`, {
    why: 'a recording has one frame a line, as JSON; no line of this file is one',
    hint: 'record one with a websocket client, one JSON message a line',
  })
}

export interface Line {
  line: string
  number: number
  /** Characters it took, its end included. */
  length: number
}

/** Lines without their ends, as many as a read brought. Blank ones are skipped; `\r\n` and a byte-order mark are fine. */
export async function* linesOf(file: string, onChunk?: (chunk: Uint8Array) => void): AsyncIterable<readonly Line[]> {
  const decoder = new TextDecoder()
  let rest = ''
  let number = 0
  const linesIn = (parts: readonly string[]): Line[] =>
    parts
      .map((part) => ({ line: part.trim(), number: ++number, length: part.length + 1 }))
      .filter(({ line }) => line !== '')
  for await (const chunk of bytesOf(file)) {
    onChunk?.(chunk)
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > LONGEST_LINE) throw tooLong(file, number + parts.length + 1)
    yield linesIn(parts)
  }
  yield linesIn([rest + decoder.decode()])
}

const tooLong = (file: string, line: number): StockpipeError =>
  new StockpipeError('replay-file', `${file} has a line of more than ${LONGEST_LINE / 1e6} MB`, {
    why: `line ${line}; a recording has one frame a line`,
    hint: 'check that it is a recording',
  })

/**
 * The frame of a line, and what is wrong with the line: then its text is the whole line, for nothing may get lost,
 * and its connection that of the line before, for a broken line is no new connection.
 */
export function readLine(line: string, previous: number): { frame: RecordedFrame; problem: string | null } {
  const broken = (problem: string) => ({ frame: { conn: previous, received: null, text: line }, problem })
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return broken('it is not JSON')
  }
  if (!isObject(value)) return broken('it is not an object')
  if (!('frame' in value || ('received' in value && !('type' in value))))
    return { frame: { conn: 0, received: null, text: line }, problem: null }
  const { frame: text, received = null, conn = 0 } = value
  if (typeof text !== 'string') return broken('its frame is not a text')
  if (typeof conn !== 'number' || !Number.isSafeInteger(conn) || conn < 0) return broken('its conn is no whole number')
  if (received === null) return { frame: { conn, received, text }, problem: null }
  if (!isTime(received)) return broken('its received is neither null nor unix ms')
  return { frame: { conn, received: Math.floor(received), text }, problem: null }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Some recorders write fractions of a ms. */
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 8.64e15

/** The smallest event time of the trades in a frame, or null. */
export function firstTime(text: string): number | null {
  const frame = parseFrame(text)
  if (frame.kind !== 'trade' || frame.entries.length === 0) return null
  return frame.entries.reduce((least, { t }) => Math.min(least, t), Number.POSITIVE_INFINITY)
}

/** The same frame at another time. What is no trade is left as it is: wrong times stay wrong. */
export function shiftFrame(text: string, ms: number): string {
  if (firstTime(text) === null) return text
  const message = JSON.parse(text) as { data: unknown[] }
  const shifted = message.data.map((item) =>
    isObject(item) && entryProblem(item) === null ? { ...item, t: (item['t'] as number) + ms } : item,
  )
  return JSON.stringify({ ...message, data: shifted })
}
