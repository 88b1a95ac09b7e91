/** Castagnoli's polynomial, reversed: the checksum of Kafka's record batches. */
const POLYNOMIAL = 0x82f63b78

/** Eight tables, so that eight bytes are taken at a time. */
const TABLES = makeTables()

function makeTables(): Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256))
  const [first] = tables
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
    if (first) first[byte] = value
  }
  for (let level = 1; level < 8; level++)
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[level - 1]?.[byte] ?? 0
      const table = tables[level]
      if (table) table[byte] = (before >>> 8) ^ (first?.[before & 255] ?? 0)
    }
  return tables
}

/** Of the bytes from `start` on, as an unsigned number. */
export function crc32c(bytes: Buffer, start = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  let crc = -1
  let at = start
  for (const end = bytes.length - 7; at < end; at += 8) {
    const low = bytes.readInt32LE(at) ^ crc
    const high = bytes.readInt32LE(at + 4)
    crc =
      (t7[low & 255] ?? 0) ^
      (t6[(low >>> 8) & 255] ?? 0) ^
      (t5[(low >>> 16) & 255] ?? 0) ^
      (t4[low >>> 24] ?? 0) ^
      (t3[high & 255] ?? 0) ^
      (t2[(high >>> 8) & 255] ?? 0) ^
      (t1[(high >>> 16) & 255] ?? 0) ^
      (t0[high >>> 24] ?? 0)
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0)
  return ~crc >>> 0
}
