import { expect, test } from 'bun:test'

import { murmur2, partitionOf } from './partitioner.ts'

// The vectors of Kafka's own unit test of the algorithm.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
])('murmur2 of %p is what Kafka computes', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})

test('a key goes to the partition of its positive hash', () => {
  expect(partitionOf('foobar', 12)).toBe((-790332482 & 0x7fffffff) % 12)
  expect(partitionOf('BINANCE:BTCUSDT', 1)).toBe(0)
})

test('keys of other alphabets are hashed by their UTF-8 bytes', () => {
  expect(partitionOf('ключ', 7)).toBe((murmur2(new TextEncoder().encode('ключ')) & 0x7fffffff) % 7)
})
