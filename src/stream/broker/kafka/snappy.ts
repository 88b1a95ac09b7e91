/** Snappy, as producers of other people compress with it. Only the way back: ours compress with zstd. */

/** What the Java client puts around its blocks: a magic word, two versions, then each block behind its length. */
const FRAMED = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const FRAME_HEADER = 16

/** Throws for damaged input. */
export function unsnappy(input: Buffer): Buffer {
  if (!input.subarray(0, FRAMED.length).equals(FRAMED)) return unsnappyBlock(input)
  const blocks: Buffer[] = []
  for (let at = FRAME_HEADER; at < input.length;) {
    const size = input.readUInt32BE(at)
    at += 4
    if (size > input.length - at) throw new Error('a snappy block is cut off')
    blocks.push(unsnappyBlock(input.subarray(at, at + size)))
    at += size
  }
  return Buffer.concat(blocks)
}

/** A varint with the size, then literals and copies of what was written before. */
function unsnappyBlock(input: Buffer): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = input.readUInt8(at++)
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  // Three bytes become 64 at best: a larger claim is damage, and must not make us allocate.
  if (size > input.length * 22 + 64) throw new Error('a snappy block claims an impossible size')
  const output = Buffer.alloc(size)
  let end = 0
  const literal = (length: number) => {
    if (length > input.length - at || length > size - end) throw new Error('a snappy literal is cut off')
    input.copy(output, end, at, at + length)
    at += length
    end += length
  }
  const copy = (length: number, distance: number) => {
    if (distance === 0 || distance > end || length > size - end) throw new Error('a snappy copy is out of range')
    for (const to = end + length; end < to; end++) output[end] = output[end - distance] ?? 0
  }
  while (at < input.length) {
    const tag = input.readUInt8(at++)
    const upper = tag >>> 2
    if ((tag & 3) === 0) {
      const extra = Math.max(0, upper - 59)
      const length = extra === 0 ? upper : input.readUIntLE(at, extra)
      at += extra
      literal(length + 1)
    } else if ((tag & 3) === 1) copy((upper & 7) + 4, ((tag >>> 5) << 8) | input.readUInt8(at++))
    else {
      const width = (tag & 3) === 2 ? 2 : 4
      const distance = input.readUIntLE(at, width)
      at += width
      copy(upper + 1, distance)
    }
  }
  if (end !== size) throw new Error('a snappy block is cut off')
  return output
}
