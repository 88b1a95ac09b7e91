import { expect, test } from 'bun:test'

import { StockpipeError } from '../errors.ts'
import type { Entry } from '../trade.ts'
import type { Headers } from './broker.ts'
import { decodeRecord, encodeHeaders, encodeValue, gapHeaders, type GapMark, sealHeaders } from './codec.ts'

const entries: Entry[] = [
  { c: ['1', '8'], p: 317.775, s: 'AAPL', t: 1_787_924_136_086, v: 200 },
  { c: null, p: 9.1e4, s: 'AAPL', t: 1_787_924_136_087, v: 1e-7 },
  { c: [null, 'x'], p: 0.1 + 0.2, s: 'IC MARKETS:1', t: 1, v: 0 },
]
const meta = { session: 'abc', seq: 7, k: 1, prev: 5, received: 1_787_924_136_100, skew: 12, repeats: [2, 0] }
const record = (value: Uint8Array | null, headers: Headers) => ({
  offset: 0,
  timestamp: 0,
  key: 'AAPL',
  value,
  headers,
})
const plain = (decoded: readonly Entry[]) => decoded.map((entry) => ({ ...entry }))

/** The message of the `decode` error, or what came instead. */
function refusal(work: () => unknown): string {
  try {
    return `no error: ${JSON.stringify(work())}`
  } catch (error) {
    return error instanceof StockpipeError && error.code === 'decode' ? error.message : `other error: ${String(error)}`
  }
}

test.each(['raw', 'confluent'] as const)('%s comes back as it was', (framing) => {
  const decoded = decodeRecord(record(encodeValue(entries, framing), encodeHeaders(meta, framing)))
  expect(plain(decoded.entries)).toEqual(entries)
  expect(decoded).toMatchObject({
    session: 'abc',
    seq: 7,
    k: 1,
    received: 1_787_924_136_100,
    skew: 12,
    watermark: null,
    gap: null,
  })
})

test('the bytes are those of the schema, field by field', () => {
  const bytes = Buffer.from(encodeValue([{ c: null, p: 1.5, s: 'A', t: 1, v: 2 }], 'raw'))
  const expected = Buffer.concat([
    Buffer.from([2, 2]),
    Buffer.from(new Float64Array([1.5]).buffer),
    Buffer.from([2, 65, 2]),
    Buffer.from(new Float64Array([2]).buffer),
    Buffer.from([0, 10]),
    Buffer.from('trade'),
  ])
  expect(bytes.toString('hex')).toBe(expected.toString('hex'))
  expect([...encodeValue([], 'confluent').subarray(0, 5)]).toEqual([0, 0, 0, 0, 1])
})

test('without a header the first byte tells the framing', () => {
  expect(plain(decodeRecord(record(encodeValue(entries, 'confluent'), {})).entries)).toEqual(entries)
  expect(plain(decodeRecord(record(encodeValue(entries, 'raw'), {})).entries)).toEqual(entries)
})

test('a record of another producer has no session, and unknown headers are no matter', () => {
  expect(decodeRecord(record(encodeValue(entries, 'raw'), { traceparent: 'x' }))).toMatchObject({
    session: null,
    received: null,
    skew: 0,
    repeats: null,
  })
})

test('seal and gap records have no entries', () => {
  const value = encodeValue([], 'raw')
  expect(decodeRecord(record(value, sealHeaders(99, 'raw')))).toMatchObject({ watermark: 99, entries: [] })
  const gap = { symbol: 'A', from: 1, to: 2, cause: 'outage', detail: 'd' }
  expect(decodeRecord(record(value, gapHeaders(gap, 'raw'))).gap).toEqual(gap)
})

test('what the schema does not know is refused with its path', () => {
  const wrong = [entries[0], { ...entries[1], p: 'x' }] as unknown as Entry[]
  expect(refusal(() => encodeValue(wrong, 'raw'))).toContain('data.1.p')
})

test('cut bytes are refused with the path at which they break off, wherever they are cut', () => {
  const bytes = encodeValue(entries, 'raw')
  for (let length = 0; length < bytes.length; length++)
    expect(refusal(() => decodeRecord(record(bytes.subarray(0, length), { framing: 'raw' })))).toStartWith(
      'cannot decode a record',
    )
  expect(refusal(() => decodeRecord(record(bytes.subarray(0, 20), { framing: 'raw' })))).toContain('data.0.')
})

test('any single wrong byte gives entries or a refusal, never a crash or a hang', () => {
  const bytes = encodeValue(entries, 'raw')
  for (let at = 0; at < bytes.length; at++)
    for (let value = 0; value < 256; value += 5) {
      const broken = Uint8Array.from(bytes)
      broken[at] = value
      expect(refusal(() => decodeRecord(record(broken, { framing: 'raw' })))).not.toStartWith('other error')
    }
})

const gapRecord = (wrong: Partial<GapMark>) =>
  record(
    encodeValue([], 'raw'),
    gapHeaders({ symbol: 'A', from: 1, to: 2, cause: 'stall', detail: '', ...wrong }, 'raw'),
  )

test.each([
  ['no value', record(null, {})],
  ['a count beyond all bytes', record(Uint8Array.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]), { framing: 'raw' })],
  ['a seq that is no number', record(encodeValue(entries, 'raw'), { session: 'a', seq: 'x', k: '0' })],
  ['repeats that are no indexes', record(encodeValue(entries, 'raw'), { repeats: '1,-2' })],
  ['a gap that is no JSON', record(encodeValue([], 'raw'), { gap: '{' })],
  ['a gap without a symbol', gapRecord({ symbol: '' })],
  ['a gap without a cause', gapRecord({ cause: '' })],
  ['a gap that ends before it begins', gapRecord({ from: 3 })],
  ['a gap without end', gapRecord({ to: Number.MAX_SAFE_INTEGER })],
])('%s is refused', (_name, broken) => {
  expect(refusal(() => decodeRecord(broken))).toStartWith('cannot decode a record')
})
