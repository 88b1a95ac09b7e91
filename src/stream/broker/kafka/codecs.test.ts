import { expect, test } from 'bun:test'
import { CompressionCodecs, CompressionTypes } from 'kafkajs'

import { LARGEST_BATCH } from './codecs.ts'
import { unlz4 } from './lz4.ts'
import { unsnappy } from './snappy.ts'

interface Codec {
  decompress(buffer: Buffer): Promise<Buffer>
}
const decompress = (type: 1 | 4, buffer: Buffer): Promise<Buffer> =>
  (CompressionCodecs[type] as () => Codec)().decompress(buffer)

// "abcabcabcabcabcabcabc": three literals, then a copy that reads what it writes.
const TEXT = 'abc'.repeat(7)
const SNAPPY = Buffer.from([21, 2 << 2, 97, 98, 99, ((18 - 1) << 2) | 2, 3, 0])
const LZ4_BLOCK = [(3 << 4) | 14, 97, 98, 99, 3, 0, 0]
const lz4 = (...block: number[]) =>
  Buffer.from([4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, block.length, 0, 0, 0, ...block, 0, 0, 0, 0])

test('snappy is read bare and in the frame of the Java client', () => {
  expect(unsnappy(SNAPPY).toString()).toBe(TEXT)
  const length = Buffer.from([0, 0, 0, SNAPPY.length])
  const head = Buffer.concat([Buffer.from([0x82]), Buffer.from('SNAPPY\0'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
  expect(unsnappy(Buffer.concat([head, length, SNAPPY, length, SNAPPY])).toString()).toBe(TEXT + TEXT)
})

test('LZ4 frames are read', () => {
  expect(unlz4(lz4(...LZ4_BLOCK), 100).toString()).toBe(TEXT)
})

test('damaged input throws, wherever the damage is', () => {
  for (const [bytes, read] of [
    [SNAPPY, unsnappy],
    [lz4(...LZ4_BLOCK), (input: Buffer) => unlz4(input, 1_000)],
  ] as const)
    for (let at = 0; at < bytes.length; at++) {
      expect(() => read(bytes.subarray(0, at))).toThrow()
      for (const value of [0, 1, 127, 128, 255]) {
        const damaged = Buffer.from(bytes)
        damaged[at] = value
        // It may still be valid, but it never runs away.
        try {
          expect(read(damaged).length).toBeLessThanOrEqual(1_000)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }
    }
})

test('a few bytes that claim to be gigabytes are refused', async () => {
  const zeros = Buffer.alloc(LARGEST_BATCH + 1)
  const refused = (read: Promise<Buffer>) =>
    read.then(
      () => false,
      () => true,
    )
  expect(await refused(decompress(CompressionTypes.ZSTD, Bun.zstdCompressSync(zeros)))).toBe(true)
  expect(await refused(decompress(CompressionTypes.GZIP, Buffer.from(Bun.gzipSync(zeros))))).toBe(true)
  const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])
  expect(() => unsnappy(claim)).toThrow('impossible size')
  const run = [(3 << 4) | 15, 97, 98, 99, 3, 0, ...Array<number>(200).fill(255), 0, 0]
  expect(() => unlz4(lz4(...run), 10_000)).toThrow('larger than 10000')
})
