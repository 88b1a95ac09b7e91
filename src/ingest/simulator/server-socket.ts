import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * The server's end of a websocket on a raw socket. Written by hand because a simulator must be able to do what
 * no library offers: die in the middle of a frame, and know how much a client has left unread.
 */
export interface ServerSocket {
  /** Begins to read. */
  listen(onText: (text: string) => void): void
  sendText(text: string): void
  /** The first half of a frame, then nothing ever again. */
  sendHalf(text: string): void
  close(code: number, reason: string): void
  destroy(): void
  /** Bytes that the client has not taken yet. */
  readonly unread: number
  /** Nothing can be sent any more. */
  readonly closed: boolean
  /** Aborts when nothing is left of it. */
  readonly gone: AbortSignal
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
/** No client of this protocol says anything longer. */
const LONGEST_MESSAGE = 65_536

export interface Upgrade {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
}

/** Answers the handshake; `date` is what its `Date` header says. */
export function acceptUpgrade({ request, socket, head }: Upgrade, date: number): ServerSocket {
  const key = request.headers['sec-websocket-key'] ?? ''
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  socket.write(head101(accept, date))
  return new RawServerSocket(socket, head)
}

/** Ends a handshake with an HTTP status instead. */
export function refuseUpgrade(socket: Duplex, status: number, headers: Readonly<Record<string, string>> = {}): void {
  const lines = Object.entries({ ...headers, 'Content-Length': '0', Connection: 'close' })
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
}

const head101 = (accept: string, date: number): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    `Date: ${new Date(date).toUTCString()}`,
    '\r\n',
  ].join('\r\n')

class RawServerSocket implements ServerSocket {
  closed = false
  readonly #socket: Duplex
  readonly #gone = new AbortController()
  #onText: (text: string) => void = () => {}
  #rest: Buffer

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.#rest = head
    socket.on('error', () => socket.destroy())
    // A client that only ends its side has said all it will ever say.
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      this.closed = true
      this.#gone.abort()
    })
  }

  listen(onText: (text: string) => void): void {
    this.#onText = onText
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#receive(Buffer.alloc(0))
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  get unread(): number {
    return this.#socket.writableLength
  }

  sendText(text: string): void {
    if (!this.closed) this.#socket.write(frameOf(TEXT, Buffer.from(text)))
  }

  sendHalf(text: string): void {
    if (this.closed) return
    const frame = frameOf(TEXT, Buffer.from(text))
    this.closed = true
    this.#socket.write(frame.subarray(0, Math.ceil(frame.length / 2)), () => this.#socket.destroy())
  }

  close(code: number, reason: string): void {
    if (this.closed) return
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
    payload.writeUInt16BE(code)
    payload.write(reason, 2)
    this.closed = true
    this.#socket.end(frameOf(CLOSE, payload))
  }

  destroy(): void {
    this.closed = true
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.closed) return
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (!this.closed) {
      const frame = parseFrame(this.#rest)
      if (frame === 'incomplete') return
      if (frame === 'broken') return this.close(1002, 'not a frame that this server takes')
      this.#rest = this.#rest.subarray(frame.length)
      this.#handle(frame)
    }
  }

  #handle(frame: ClientFrame): void {
    if (frame.opcode === TEXT) this.#onText(frame.payload.toString())
    if (frame.opcode === PING) this.#socket.write(frameOf(PONG, frame.payload))
    if (frame.opcode === CLOSE) this.close(1000, '')
  }
}

interface ClientFrame {
  opcode: number
  payload: Buffer
  /** Of the whole frame. */
  length: number
}

/** Clients must mask, and these never need fragments: anything else is broken. */
function parseFrame(bytes: Buffer): ClientFrame | 'incomplete' | 'broken' {
  const [first, second] = bytes
  if (first === undefined || second === undefined) return 'incomplete'
  const short = second & 0x7f
  if ((first & 0x80) === 0 || (second & 0x80) === 0 || short === 127) return 'broken'
  const start = short === 126 ? 4 : 2
  if (bytes.length < start + 4) return 'incomplete'
  const size = short === 126 ? bytes.readUInt16BE(2) : short
  if (size > LONGEST_MESSAGE) return 'broken'
  const length = start + 4 + size
  if (bytes.length < length) return 'incomplete'
  const payload = Buffer.alloc(size)
  for (let index = 0; index < size; index++) {
    payload[index] = (bytes[start + 4 + index] ?? 0) ^ (bytes[start + (index & 3)] ?? 0)
  }
  return { opcode: first & 0x0f, payload, length }
}

function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = 0x80 | opcode
  if (start === 2) frame[1] = length
  if (start === 4) frame.writeUInt16BE(length, 2)
  if (start === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  if (start === 4) frame[1] = 126
  if (start === 10) frame[1] = 127
  payload.copy(frame, start)
  return frame
}
