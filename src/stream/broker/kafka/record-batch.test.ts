import { expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'

import fc from 'fast-check'
// The peer: what kafkajs writes must be read, and the reverse.
import encoderOf from 'kafkajs/src/protocol/recordBatch/v0/index.js'
import recordOf from 'kafkajs/src/protocol/recordBatch/record/v0/index.js'
import decodeMessages from 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js'
import Decoder from 'kafkajs/src/protocol/decoder.js'

import { crc32c } from './crc32c.ts'
import { decodeRecordBatches, encodeRecordBatch, type RecordToWrite } from './record-batch.ts'
import { Reader, sizeOfVarint, writeVarint } from './bytes.ts'

const HEAD = { producerId: 123_456_789_012n, producerEpoch: 3, baseSequence: 77, timestamp: 1_700_000_000_123 }

const anyText = fc.string({ unit: 'binary', maxLength: 40 })
const anyRecord = fc.record({
  key: fc.option(anyText),
  value: fc.option(fc.uint8Array({ maxLength: 300 })),
  headers: fc.dictionary(
    anyText.filter((name) => name !== '__proto__'),
    anyText,
    { maxKeys: 5 },
  ),
})

/** The batch as a broker would hand it out from offset `base` on. */
function at(base: number, batch: Buffer): Buffer {
  batch.writeBigInt64BE(BigInt(base), 0)
  return batch
}

test('what is written is read back: keys, values, headers, times, offsets', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRecord, { minLength: 1, maxLength: 60 }), fc.nat(1e9), async (records, base) => {
      const {
        records: read,
        endOffset,
        failure,
      } = await decodeRecordBatches(at(base, encodeRecordBatch(records, HEAD)), 0, [])
      expect(failure).toBeNull()
      expect(endOffset).toBe(base + records.length)
      expect(read.map(plain)).toEqual(
        records.map((record, index) => ({ ...plain(record), offset: base + index, timestamp: HEAD.timestamp })),
      )
    }),
    { numRuns: 200 },
  )
})

const plain = <Record extends RecordToWrite>(record: Record) => ({
  ...record,
  value: record.value === null ? null : [...record.value],
})

test('kafkajs reads what we write', async () => {
  const records = [
    { key: 'AAPL', value: Buffer.from('one'), headers: { a: '1', ü: 'ö' } },
    { key: null, value: null, headers: {} },
    { key: '', value: Buffer.alloc(5_000, 7), headers: { long: 'x'.repeat(300) } },
  ]
  for (const count of [2, 3]) {
    const bytes = encodeRecordBatch(records.slice(0, count), HEAD)
    const sized = Buffer.concat([Buffer.alloc(4), bytes])
    sized.writeInt32BE(bytes.length)
    const read = await (decodeMessages as (decoder: unknown) => Promise<PeerRecord[]>)(
      new (Decoder as PeerDecoder)(sized),
    )
    expect(
      read.map(({ key, value, headers, timestamp }) => [
        key?.toString(),
        value?.length,
        timestamp,
        Object.keys(headers),
      ]),
    ).toEqual(
      records
        .slice(0, count)
        .map(({ key, value, headers }) => [key ?? undefined, value?.length, '1700000000123', Object.keys(headers)]),
    )
  }
})

interface PeerRecord {
  key: Buffer | null
  value: Buffer | null
  timestamp: string
  headers: Record<string, Buffer>
}
type PeerDecoder = new (bytes: Buffer) => unknown

test('we read what kafkajs writes, with times of their own', async () => {
  const encode = encoderOf as { RecordBatch: (batch: unknown) => Promise<{ buffer: Buffer }> }
  const record = recordOf as (record: unknown) => unknown
  const batch = await encode.RecordBatch({
    compression: 0,
    records: [
      record({ offsetDelta: 0, timestampDelta: 0, key: 'k', value: Buffer.from('a'), headers: { h: ['1', '2'] } }),
      record({ offsetDelta: 1, timestampDelta: 250, key: 'k', value: Buffer.from('b') }),
    ],
    firstTimestamp: 1_000,
    maxTimestamp: 1_250,
    lastOffsetDelta: 1,
    firstSequence: 0,
  })
  const { records } = await decodeRecordBatches(batch.buffer, 0, [])
  expect(records.map(({ timestamp, key, value, headers }) => [timestamp, key, String(value), headers])).toEqual([
    [1_000, 'k', 'a', { h: '1' }],
    [1_250, 'k', 'b', {}],
  ])
})

test('numbers of any size keep their value', () => {
  fc.assert(
    fc.property(
      // Plus 0, for -0 is no number of Kafka's.
      fc.maxSafeInteger().map((n) => Math.trunc(n / 2) + 0),
      (value) => {
        const bytes = Buffer.alloc(10)
        expect(writeVarint(bytes, value, 0)).toBe(sizeOfVarint(value))
        expect(new Reader(bytes).varint()).toBe(value)
      },
    ),
  )
  expect([-1, 0, 1, -64, 63, 64, 300].map(sizeOfVarint)).toEqual([1, 1, 1, 1, 1, 2, 2])
})

test('the checksum is that of the standard, whatever the length', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.from('xx123456789'), 2)).toBe(0xe3069283)
})

const numbered = (...values: string[]): RecordToWrite[] =>
  values.map((value) => ({ key: null, value: Buffer.from(value), headers: {} }))
const valuesOf = (read: Awaited<ReturnType<typeof decodeRecordBatches>>): string[] =>
  read.records.map(({ value }) => String(value))

test('a batch that is cut off is left for the next fetch, and one that begins earlier is read from the offset on', async () => {
  const bytes = Buffer.concat([
    at(10, encodeRecordBatch(numbered('a', 'b', 'c'), HEAD)),
    at(13, encodeRecordBatch(numbered('d'), HEAD)),
  ])
  const whole = await decodeRecordBatches(bytes, 11, [])
  expect([valuesOf(whole), whole.endOffset]).toEqual([['b', 'c', 'd'], 14])
  const cut = await decodeRecordBatches(bytes.subarray(0, bytes.length - 1), 11, [])
  expect([valuesOf(cut), cut.endOffset, cut.failure]).toEqual([['b', 'c'], 13, null])
  const none = await decodeRecordBatches(bytes.subarray(0, 30), 11, [])
  expect([valuesOf(none), none.endOffset]).toEqual([[], null])
})

test('a damaged batch is told, and what stood before it is given', async () => {
  const good = at(0, encodeRecordBatch(numbered('a'), HEAD))
  const bad = at(1, encodeRecordBatch(numbered('b'), HEAD))
  bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1
  const read = await decodeRecordBatches(Buffer.concat([good, bad]), 0, [])
  expect([valuesOf(read), read.endOffset, String(read.failure)]).toEqual([
    ['a'],
    1,
    'Error: a batch of records is damaged',
  ])
})

/** Sets attribute bits of a batch, and its checksum. */
function marked(batch: Buffer, { bits, producerId = HEAD.producerId }: { bits: number; producerId?: bigint }): Buffer {
  batch.writeInt16BE(batch.readInt16BE(21) | bits, 21)
  batch.writeBigInt64BE(producerId, 43)
  batch.writeUInt32BE(crc32c(batch, 21), 17)
  return batch
}

test('what a transaction took back is not read; of the same producer what it kept is', async () => {
  const [transactional, control] = [16, 48]
  const data = (base: number, value: string, producerId: bigint) =>
    marked(at(base, encodeRecordBatch(numbered(value), HEAD)), { bits: transactional, producerId })
  const mark = (base: number, producerId: bigint) =>
    marked(at(base, encodeRecordBatch(numbered('mark'), HEAD)), { bits: control, producerId })
  const bytes = Buffer.concat([
    data(0, 'undone', 1n),
    data(1, 'other', 2n),
    mark(2, 1n),
    data(3, 'kept', 1n),
    mark(4, 1n),
    data(5, 'undone again', 1n),
    mark(6, 1n),
    mark(7, 2n),
  ])
  const aborted = [
    { producerId: 1n, firstOffset: 5 },
    { producerId: 1n, firstOffset: 0 },
  ]
  const read = await decodeRecordBatches(bytes, 0, aborted)
  expect([valuesOf(read), read.endOffset]).toEqual([['other', 'kept'], 8])
})

test("the log's own time counts where the topic stamps", async () => {
  const batch = at(0, encodeRecordBatch(numbered('a'), HEAD))
  batch.writeBigInt64BE(9_999n, 35)
  const { records } = await decodeRecordBatches(marked(batch, { bits: 8 }), 0, [])
  expect(records[0]?.timestamp).toBe(9_999)
})

test('gzip of other producers is read', async () => {
  const plainBatch = encodeRecordBatch(numbered('a', 'b'), HEAD)
  const body = gzipSync(plainBatch.subarray(61))
  const batch = Buffer.concat([plainBatch.subarray(0, 61), body])
  batch.writeInt32BE(batch.length - 12, 8)
  expect(valuesOf(await decodeRecordBatches(marked(batch, { bits: 1 }), 0, []))).toEqual(['a', 'b'])
})

test('a format before 0.11 is told', async () => {
  const batch = encodeRecordBatch(numbered('a'), HEAD)
  batch.writeInt8(1, 16)
  expect(String((await decodeRecordBatches(batch, 0, [])).failure)).toContain('format 1')
})
