import { createReadStream } from 'node:fs'
import { createZstdDecompress } from 'node:zlib'

import { StockpipeError } from '../../errors.ts'

/** One line of a recording. */
export interface RecordedFrame {
  conn: number
  received: number | null
  text: string
}

const LONGEST_LINE = 16_000_000
const SNIFFED = 65_536

/** The bytes of a recording, unpacked where its name ends in `.zst`; `-` is stdin. */
async function* bytesOf(file: string): AsyncIterable<Uint8Array> {
  const source = file === '-' ? process.stdin : createReadStream(file)
  const stream = file.endsWith('.zst') ? source.pipe(createZstdDecompress()) : source
  source.on('error', (error) => stream.destroy(error))
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk
  } catch (cause) {
    throw new StockpipeError('replay-file', `cannot read the recording ${file}`, {
      cause,
      hint: 'check its name and rights, and that it is whole',
    })
  } finally {
    source.destroy()
  }
}

/** Hash and size of the unpacked content. Throws `replay-file` for what is empty or no recording at all. */
export async function fingerprint(file: string): Promise<{ hash: string; bytes: number }> {
  const hasher = new Bun.CryptoHasher('sha256')
  let bytes = 0
  let head = Buffer.alloc(0)
  for await (const chunk of bytesOf(file)) {
    hasher.update(chunk)
    if (bytes < SNIFFED) head = Buffer.concat([head, chunk]).subarray(0, SNIFFED)
    bytes += chunk.length
  }
  const isText = head.length > 0 && !head.includes(0)
  if (isText && head.toString().trim() !== '') return { hash: hasher.digest('hex'), bytes }
  throw new StockpipeError('replay-file', `${file} is ${bytes === 0 || isText ? 'empty' : 'no recording'}`, {
    why: 'a recording has one frame a line, as text',
    hint: 'record one with a websocket client, one JSON message a line',
  })
}

/** Lines without their ends, and how many bytes they took. Blank lines are skipped; `\r\n` and a byte-order mark are fine. */
export async function* linesOf(file: string): AsyncIterable<{ line: string; number: number; bytes: number }> {
  const decoder = new TextDecoder()
  let rest = ''
  let number = 0
  const next = (line: string) => {
    number++
    return { line: line.trim(), number, bytes: Buffer.byteLength(line) + 1 }
  }
  for await (const chunk of bytesOf(file)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > LONGEST_LINE) throw tooLong(file, number + 1)
    for (const part of parts) {
      const line = next(part)
      if (line.line !== '') yield line
    }
  }
  const last = next(rest + decoder.decode())
  if (last.line !== '') yield last
}

const tooLong = (file: string, line: number): StockpipeError =>
  new StockpipeError('replay-file', `${file} has a line of more than ${LONGEST_LINE / 1e6} MB`, {
    why: `line ${line}; a recording has one frame a line`,
    hint: 'check that it is a recording',
  })

/**
 * The frame of a line, and what is wrong with the line: then its text is the whole line, for nothing may get lost,
 * and its connection that of the line before, for a new one would end what the others hold.
 */
export function readLine(line: string, previous: number): { frame: RecordedFrame; problem: string | null } {
  const whole = { conn: previous, received: null, text: line }
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { frame: whole, problem: 'it is not JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { frame: whole, problem: 'it is not an object' }
  if (!('frame' in value)) return { frame: { ...whole, conn: 0 }, problem: null }
  const { frame: text, received = null, conn = 0 }: { frame: unknown; received?: unknown; conn?: unknown } = value
  if (typeof text !== 'string') return { frame: whole, problem: 'its frame is not a text' }
  if (!isCount(conn)) return { frame: whole, problem: 'its conn is not a whole number' }
  if (received !== null && !isCount(received)) return { frame: whole, problem: 'its received is neither null nor ms' }
  return { frame: { conn, received, text }, problem: null }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** The smallest event time in a frame, or null. */
export function firstTime(text: string): number | null {
  const times = tradesOf(text)?.data.flatMap(({ t }) => (typeof t === 'number' ? [t] : [])) ?? []
  return times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b))
}

/** The same frame at another time; a frame without trades is left as it is. */
export function shiftFrame(text: string, ms: number): string {
  const message = tradesOf(text)
  if (message === null) return text
  return JSON.stringify({
    ...message,
    data: message.data.map((entry) => (typeof entry.t === 'number' ? { ...entry, t: entry.t + ms } : entry)),
  })
}

function tradesOf(text: string): { data: { t?: unknown }[] } | null {
  try {
    const message = JSON.parse(text) as { data?: unknown } | null
    const data: unknown = message?.data
    if (!Array.isArray(data) || !data.every((entry) => typeof entry === 'object' && entry !== null)) return null
    return { ...message, data: data as { t?: unknown }[] }
  } catch {
    return null
  }
}
