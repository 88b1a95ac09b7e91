import { CompressionCodecs } from 'kafkajs'

import './codecs.ts'
import { crc32c } from './crc32c.ts'
import { Reader, sizeOfVarint, writeVarint } from './bytes.ts'
import type { Headers, LogRecord } from '../../broker.ts'

/**
 * Kafka's record batch (magic 2), both directions, straight between bytes and what is appended and read: kafkajs
 * makes a dozen objects for every record and header.
 */

const MAGIC = 2
const CODEC_MASK = 7
const LOG_APPEND_TIME = 8
const TRANSACTIONAL = 16
const CONTROL = 32
const ZSTD = 4
const COMPRESS_FROM_BYTES = 1_024

/** Where the fields lie. */
const LENGTH_AT = 8
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const COUNT_AT = 57
const HEAD_BYTES = 61
/** Offset and length are not counted in the length. */
const LENGTH_FROM = 12

export interface RecordToWrite {
  key: string | null
  value: Uint8Array | null
  headers: Headers
}

export interface BatchHead {
  producerId: bigint
  producerEpoch: number
  baseSequence: number
  /** Of all records, ms; a topic that stamps by itself replaces it. */
  timestamp: number
}

export function encodeRecordBatch(records: readonly RecordToWrite[], head: BatchHead): Buffer {
  const sizes = records.map(bodySize)
  const plain = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + size + sizeOfVarint(size), HEAD_BYTES))
  let at = HEAD_BYTES
  for (const [delta, record] of records.entries())
    at = writeRecord(plain, record, { at, delta, size: sizes[delta] ?? 0 })
  const isCompressed = plain.length - HEAD_BYTES >= COMPRESS_FROM_BYTES
  const body = isCompressed ? Bun.zstdCompressSync(plain.subarray(HEAD_BYTES), { level: 1 }) : null
  const bytes = body === null ? plain : Buffer.allocUnsafe(HEAD_BYTES + body.length)
  if (body !== null) bytes.set(body, HEAD_BYTES)
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - LENGTH_FROM, LENGTH_AT)
  bytes.writeInt32BE(-1, LENGTH_FROM)
  bytes.writeInt8(MAGIC, MAGIC_AT)
  bytes.writeInt16BE(isCompressed ? ZSTD : 0, ATTRIBUTES_AT)
  bytes.writeInt32BE(records.length - 1, LAST_OFFSET_DELTA_AT)
  bytes.writeBigInt64BE(BigInt(head.timestamp), BASE_TIMESTAMP_AT)
  bytes.writeBigInt64BE(BigInt(head.timestamp), MAX_TIMESTAMP_AT)
  bytes.writeBigInt64BE(head.producerId, PRODUCER_ID_AT)
  bytes.writeInt16BE(head.producerEpoch, PRODUCER_EPOCH_AT)
  bytes.writeInt32BE(head.baseSequence, BASE_SEQUENCE_AT)
  bytes.writeInt32BE(records.length, COUNT_AT)
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT)
  return bytes
}

/** Of everything behind the record's own length. */
function bodySize({ key, value, headers }: RecordToWrite, delta: number): number {
  let size = 2 + sizeOfVarint(delta) + sizeOfSized(key === null ? -1 : Buffer.byteLength(key))
  size += sizeOfSized(value === null ? -1 : value.length)
  let count = 0
  for (const name in headers) {
    count++
    size += sizeOfSized(Buffer.byteLength(name)) + sizeOfSized(Buffer.byteLength(headers[name] ?? ''))
  }
  return size + sizeOfVarint(count)
}

const sizeOfSized = (length: number): number => sizeOfVarint(length) + Math.max(0, length)

function writeRecord(
  bytes: Buffer,
  { key, value, headers }: RecordToWrite,
  { at, delta, size }: { at: number; delta: number; size: number },
): number {
  let next = writeVarint(bytes, size, at)
  bytes[next++] = 0 // attributes: none are known
  bytes[next++] = 0 // all of a batch have its time
  next = writeVarint(bytes, delta, next)
  next = writeText(bytes, key, next)
  next = writeVarint(bytes, value === null ? -1 : value.length, next)
  if (value !== null) {
    bytes.set(value, next)
    next += value.length
  }
  next = writeVarint(bytes, Object.keys(headers).length, next)
  for (const name in headers) next = writeText(bytes, headers[name] ?? '', writeText(bytes, name, next))
  return next
}

function writeText(bytes: Buffer, text: string | null, at: number): number {
  if (text === null) return writeVarint(bytes, -1, at)
  const length = Buffer.byteLength(text)
  const from = writeVarint(bytes, length, at)
  bytes.write(text, from, length, 'utf8')
  return from + length
}

/** What the records of a fetch answer hold for a reader. */
export interface DecodedRecords {
  records: LogRecord[]
  /** The offset after the last whole batch; null where there was none. Batches may end in records that nobody sees. */
  endOffset: number | null
  /** Why reading stopped before the end: a batch that cannot be read. */
  failure: unknown
}

export interface Aborted {
  producerId: bigint
  firstOffset: number
}

/**
 * The records from `offset` on. The last batch may be cut off; it comes whole with the next fetch. Marks of
 * transactions, and what transactions took back, are left out. Values are slices of `bytes`.
 */
export async function decodeRecordBatches(
  bytes: Buffer,
  offset: number,
  aborted: readonly Aborted[],
): Promise<DecodedRecords> {
  const records: LogRecord[] = []
  if (bytes.length === 0) return { records, endOffset: null, failure: null }
  const undone = new UndoneProducers(aborted)
  let endOffset: number | null = null
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const length = bytes.readInt32BE(at + LENGTH_AT) + LENGTH_FROM
    if (at + length > bytes.length) break
    try {
      const batch = bytes.subarray(at, at + length)
      const last = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(LAST_OFFSET_DELTA_AT)
      if (last >= offset && undone.isVisible(batch, last)) await decodeBatch(batch, offset, records)
      endOffset = last + 1
    } catch (failure) {
      return { records, endOffset, failure }
    }
    at += length
  }
  return { records, endOffset, failure: null }
}

/** Which producers' transactions were taken back, from batch to batch. */
class UndoneProducers {
  readonly #waiting: Aborted[]
  readonly #now = new Set<bigint>()

  constructor(aborted: readonly Aborted[]) {
    this.#waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  isVisible(batch: Buffer, lastOffset: number): boolean {
    const attributes = batch.readInt16BE(ATTRIBUTES_AT)
    const isControl = (attributes & CONTROL) !== 0
    if (!isControl && (attributes & TRANSACTIONAL) === 0) return true
    for (let next = this.#waiting[0]; next !== undefined && next.firstOffset <= lastOffset; next = this.#waiting[0]) {
      this.#now.add(next.producerId)
      this.#waiting.shift()
    }
    const producerId = batch.readBigInt64BE(PRODUCER_ID_AT)
    // The mark at its end ends a transaction.
    if (isControl) this.#now.delete(producerId)
    return !isControl && !this.#now.has(producerId)
  }
}

async function decodeBatch(batch: Buffer, from: number, records: LogRecord[]): Promise<void> {
  const magic = batch.readInt8(MAGIC_AT)
  if (magic !== MAGIC) throw new Error(`the topic holds records of format ${magic}, which no Kafka since 0.11 writes`)
  if (crc32c(batch, ATTRIBUTES_AT) !== batch.readUInt32BE(CRC_AT)) throw new Error('a batch of records is damaged')
  const attributes = batch.readInt16BE(ATTRIBUTES_AT)
  const base = Number(batch.readBigInt64BE(0))
  const isStamped = (attributes & LOG_APPEND_TIME) !== 0
  const timestamp = Number(batch.readBigInt64BE(isStamped ? MAX_TIMESTAMP_AT : BASE_TIMESTAMP_AT))
  const reader = new Reader(await bodyOf(batch, attributes & CODEC_MASK))
  for (let left = batch.readInt32BE(COUNT_AT); left > 0; left--) {
    const size = reader.varint()
    const end = reader.at + size
    reader.at++ // attributes: none are known
    const since = reader.varint()
    const offset = base + reader.varint()
    if (offset >= from) records.push(readRecord(reader, offset, isStamped ? timestamp : timestamp + since))
    reader.at = end
  }
}

async function bodyOf(batch: Buffer, codec: number): Promise<Buffer> {
  const body = batch.subarray(HEAD_BYTES)
  if (codec === 0) return body
  const decompress = CompressionCodecs[codec as 1 | 2 | 3 | 4]?.().decompress
  if (decompress === undefined) throw new Error(`records are compressed in a way that is not known (${codec})`)
  return (await decompress(body)) as Buffer
}

function readRecord(reader: Reader, offset: number, timestamp: number): LogRecord {
  const key = reader.text()
  const value = reader.sized()
  const headers: Record<string, string> = {}
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.text() ?? ''
    const text = reader.text()
    // Of several of one name the first.
    if (text !== null && !Object.hasOwn(headers, name)) headers[name] = text
  }
  return { offset, timestamp, key, value, headers }
}
