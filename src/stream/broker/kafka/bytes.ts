/** Numbers and texts as Kafka's protocol has them. Variable-length numbers: zigzag, seven bits a byte, lowest first. */

export function sizeOfVarint(value: number): number {
  let left = value < 0 ? -2 * value - 1 : 2 * value
  let size = 1
  for (; left >= 128; left = Math.floor(left / 128)) size++
  return size
}

/** Returns the offset behind what it wrote. */
export function writeVarint(bytes: Buffer, value: number, at: number): number {
  let left = value < 0 ? -2 * value - 1 : 2 * value
  let next = at
  for (; left >= 128; left = Math.floor(left / 128)) bytes[next++] = (left % 128) | 128
  bytes[next++] = left
  return next
}

/** A place in bytes that are read from front to back. */
export class Reader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** Throws `RangeError` at the end of the bytes. */
  varint(): number {
    const { bytes } = this
    let byte = this.#byte()
    // Nearly all are of one byte.
    if (byte < 128) return byte & 1 ? -(byte >>> 1) - 1 : byte >>> 1
    let value = byte & 127
    for (let factor = 128; byte >= 128; factor *= 128) {
      byte = this.#byte()
      value += (byte & 127) * factor
    }
    if (this.at > bytes.length) throw new RangeError('the bytes end within a number')
    return value % 2 === 1 ? -(value - 1) / 2 - 1 : value / 2
  }

  /** A slice, not a copy. Null where the length is negative. Throws `RangeError` when there are fewer. */
  sized(): Buffer | null {
    const size = this.varint()
    if (size < 0) return null
    const end = this.at + size
    if (end > this.bytes.length) throw new RangeError('the bytes end within a field')
    const slice = this.bytes.subarray(this.at, end)
    this.at = end
    return slice
  }

  /** The same as text. */
  text(): string | null {
    const size = this.varint()
    if (size < 0) return null
    const end = this.at + size
    if (end > this.bytes.length) throw new RangeError('the bytes end within a text')
    const text = this.bytes.toString('utf8', this.at, end)
    this.at = end
    return text
  }

  int16(): number {
    this.at += 2
    return this.bytes.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.bytes.readInt32BE(this.at - 4)
  }

  /** Exact up to 2^53, which offsets and times do not reach. */
  int64(): number {
    this.at += 8
    return this.bytes.readInt32BE(this.at - 8) * 2 ** 32 + this.bytes.readUInt32BE(this.at - 4)
  }

  bigint(): bigint {
    this.at += 8
    return this.bytes.readBigInt64BE(this.at - 8)
  }

  /** A text with its length in two bytes before it; negative: none. */
  string(): string {
    const size = this.int16()
    if (size < 0) return ''
    this.at += size
    return this.bytes.toString('utf8', this.at - size, this.at)
  }

  #byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new RangeError('the bytes end within a number')
    return byte
  }
}

/** Puts requests together. */
export class Writer {
  readonly #parts: Buffer[] = []

  int8(value: number): this {
    return this.raw(Buffer.from([value & 255]))
  }

  int16(value: number): this {
    const bytes = Buffer.allocUnsafe(2)
    bytes.writeInt16BE(value)
    return this.raw(bytes)
  }

  int32(value: number): this {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value)
    return this.raw(bytes)
  }

  int64(value: number): this {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigInt64BE(BigInt(value))
    return this.raw(bytes)
  }

  /** Null: none. */
  string(text: string | null): this {
    if (text === null) return this.int16(-1)
    const bytes = Buffer.from(text)
    return this.int16(bytes.length).raw(bytes)
  }

  array<Item>(items: readonly Item[], write: (item: Item) => void): this {
    this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes)
    return this
  }

  done(): Buffer {
    return Buffer.concat(this.#parts)
  }
}
