/** LZ4 frames, as producers of other people compress with it. Only the way back: ours compress with zstd. */

const MAGIC = 0x184d2204
const STORED = 0x8000_0000
const LEAST_MATCH = 4

/** What was written so far; it grows, for a frame need not say how large it becomes. */
interface Output {
  bytes: Buffer
  end: number
  limit: number
}

/** Throws for damaged input, and for what would become larger than `limit` bytes. Checksums are not looked at: Kafka checks the batch around it. */
export function unlz4(input: Buffer, limit: number): Buffer {
  if (input.readUInt32LE(0) !== MAGIC) throw new Error('this is no LZ4 frame')
  const flags = input.readUInt8(4)
  // Flags, block size, then as the flags say: size of the content, number of a dictionary; a checksum.
  let at = 4 + 2 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0) + 1
  const output: Output = { bytes: Buffer.alloc(Math.max(1024, input.length * 4)), end: 0, limit }
  for (;;) {
    const word = input.readUInt32LE(at)
    at += 4
    if (word === 0) return output.bytes.subarray(0, output.end)
    const size = word & ~STORED
    if (size > input.length - at) throw new Error('an LZ4 block is cut off')
    const block = input.subarray(at, at + size)
    if (word >= STORED) append(output, block)
    else unlz4Block(block, output)
    at += size + (flags & 0x10 ? 4 : 0)
  }
}

/** Sequences of literals and a copy of what was written before; the last has no copy. */
function unlz4Block(input: Buffer, output: Output): void {
  let at = 0
  const lengthOf = (nibble: number): number => {
    let length = nibble
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) byte = input.readUInt8(at++)
    return length
  }
  while (at < input.length) {
    const token = input.readUInt8(at++)
    const literals = lengthOf(token >>> 4)
    if (literals > input.length - at) throw new Error('an LZ4 literal is cut off')
    append(output, input.subarray(at, at + literals))
    at += literals
    if (at === input.length) return
    const distance = input.readUInt16LE(at)
    at += 2
    repeat(output, lengthOf(token & 15) + LEAST_MATCH, distance)
  }
}

function append(output: Output, bytes: Buffer): void {
  makeRoom(output, bytes.length)
  bytes.copy(output.bytes, output.end)
  output.end += bytes.length
}

function repeat(output: Output, length: number, distance: number): void {
  if (distance === 0 || distance > output.end) throw new Error('an LZ4 copy is out of range')
  makeRoom(output, length)
  const { bytes } = output
  for (const to = output.end + length; output.end < to; output.end++)
    bytes[output.end] = bytes[output.end - distance] ?? 0
}

function makeRoom(output: Output, more: number): void {
  if (output.end + more <= output.bytes.length) return
  if (output.end + more > output.limit) throw new Error(`LZ4 would become larger than ${output.limit} bytes`)
  const larger = Buffer.alloc(Math.max(output.bytes.length * 2, output.end + more))
  output.bytes.copy(larger, 0, 0, output.end)
  output.bytes = larger
}
