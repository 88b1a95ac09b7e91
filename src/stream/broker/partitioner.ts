/** Kafka's default partitioner for a record with a key: murmur2 of its UTF-8 bytes, made positive, modulo the count. */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** The variant of Kafka's clients: 32 bits, signed. */
export function murmur2(data: Uint8Array): number {
  const { length } = data
  const view = new DataView(data.buffer, data.byteOffset, length)
  const whole = length - (length % 4)
  let hash = SEED ^ length
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(view.getInt32(at, true), M)
    word = Math.imul(word ^ (word >>> 24), M)
    hash = Math.imul(hash, M) ^ word
  }
  const rest = length - whole
  if (rest === 3) hash ^= (data[whole + 2] ?? 0) << 16
  if (rest >= 2) hash ^= (data[whole + 1] ?? 0) << 8
  if (rest >= 1) hash = Math.imul(hash ^ (data[whole] ?? 0), M)
  hash = Math.imul(hash ^ (hash >>> 13), M)
  return hash ^ (hash >>> 15)
}
