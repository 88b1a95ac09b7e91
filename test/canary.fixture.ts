/** Servers that say back to a client what it logged in with, as a bad one may, and refuse it. */
import { createServer, type Server, type Socket } from 'node:net'

export interface Hostile extends AsyncDisposable {
  port: number
}

async function listening(server: Server): Promise<Hostile> {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Calls `take` with the bytes so far until it takes no more of them; it resolves to how many it took. */
function onBytes(socket: Socket, take: (bytes: Buffer) => number): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (more: Buffer) => {
    rest = Buffer.concat([rest, more])
    for (let taken = take(rest); taken > 0; taken = take(rest)) rest = rest.subarray(taken)
  })
}

const int16 = (value: number): Buffer => Buffer.of((value >> 8) & 255, value & 255)
const int32 = (value: number): Buffer => Buffer.concat([int16(value >>> 16), int16(value & 65_535)])
const text16 = (text: string): Buffer => Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)])
const echoed = (secret: Buffer): string => `bad login ${secret.toString()} (${secret.toString('base64')})`

const KAFKA_VERSIONS = [
  [3, 0, 6],
  [17, 0, 1],
  [18, 0, 2],
  [36, 0, 1],
] as const

/** A broker as far as SASL. */
export const hostileKafka = (): Promise<Hostile> =>
  listening(
    createServer((socket) =>
      onBytes(socket, (bytes) => {
        if (bytes.length < 4 || bytes.length < 4 + bytes.readInt32BE(0)) return 0
        const size = 4 + bytes.readInt32BE(0)
        const key = bytes.readInt16BE(4)
        const body = kafkaAnswer(key, bytes.readInt16BE(6), bytes.subarray(14 + bytes.readInt16BE(12), size))
        const answer = Buffer.concat([bytes.subarray(8, 12), body])
        socket.write(Buffer.concat([int32(answer.length), answer]))
        return size
      }),
    ),
  )

function kafkaAnswer(key: number, version: number, body: Buffer): Buffer {
  if (key === 18) {
    const versions = KAFKA_VERSIONS.flatMap((one) => one.map(int16))
    return Buffer.concat([int16(0), int32(KAFKA_VERSIONS.length), ...versions, ...(version > 0 ? [int32(0)] : [])])
  }
  if (key === 17) return Buffer.concat([int16(0), int32(1), text16('PLAIN')])
  const lifetime = version > 0 ? [int32(0), int32(0)] : []
  return Buffer.concat([int16(58), text16(echoed(body.subarray(4))), int32(0), ...lifetime])
}

const CQL = { error: 0, startup: 1, authenticate: 3, options: 5, supported: 6, authResponse: 15, header: 9 }

/** A node as far as its login. */
export const hostileCassandra = (): Promise<Hostile> =>
  listening(
    createServer((socket) =>
      onBytes(socket, (bytes) => {
        if (bytes.length < CQL.header || bytes.length < CQL.header + bytes.readInt32BE(5)) return 0
        const size = CQL.header + bytes.readInt32BE(5)
        const [opcode, body] = cqlAnswer(bytes[4] ?? 0, bytes.subarray(CQL.header, size))
        const head = Buffer.of((bytes[0] ?? 0) | 128, 0, bytes[2] ?? 0, bytes[3] ?? 0, opcode)
        socket.write(Buffer.concat([head, int32(body.length), body]))
        return size
      }),
    ),
  )

function cqlAnswer(opcode: number, body: Buffer): [number, Buffer] {
  if (opcode === CQL.options) return [CQL.supported, int16(0)]
  if (opcode === CQL.startup) return [CQL.authenticate, text16('org.apache.cassandra.auth.PasswordAuthenticator')]
  return [CQL.error, Buffer.concat([int32(256), text16(echoed(body.subarray(4)))])]
}

/** A proxy that wants another password. */
export const hostileProxy = (): Promise<Hostile> =>
  listening(
    createServer((socket) =>
      socket.once('data', (asked: Buffer) => {
        const sent = /^proxy-authorization: (.*)$/im.exec(asked.toString())?.[1] ?? 'nothing'
        const reason = `refused ${sent} ${Buffer.from(sent.replace('Basic ', ''), 'base64').toString()}`
        socket.end(`HTTP/1.1 407 ${reason}\r\nx-sent: ${sent}\r\nContent-Length: 0\r\n\r\n`)
      }),
    ),
  )

/** Whatever is asked: no, with the request in the answer. */
export function hostileHttp(): Hostile {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const heads = ['authorization', 'x-finnhub-token'].map((name) => request.headers.get(name) ?? '').join(' ')
      return new Response(`no: ${request.url} ${heads}`, { status: 500, statusText: `no ${heads}` })
    },
  })
  return { port: server.port ?? 0, [Symbol.asyncDispose]: () => server.stop(true) }
}

/** A feed that says the token back in a trade, in frames good and broken, closes with it, and then refuses it. */
export function hostileFeed(): Hostile & { readonly tokens: string[] } {
  const tokens: string[] = []
  const server = Bun.serve<{ token: string }>({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, server) {
      const token = new URL(request.url).searchParams.get('token') ?? request.headers.get('x-finnhub-token') ?? ''
      if (request.headers.get('upgrade') === null)
        return new Response(token, { status: 500, statusText: `no ${token}` })
      if (tokens.push(token) > 1)
        return new Response(`no such key ${token}`, { status: 401, statusText: `no ${token}` })
      return server.upgrade(request, { data: { token } }) ? undefined : new Response('', { status: 400 })
    },
    websocket: {
      open(socket) {
        const { token } = socket.data
        const trade = { c: null, p: 1, s: 'BINANCE:BTCUSDT', t: Date.now(), v: 1 }
        socket.send(JSON.stringify({ data: [{ ...trade, c: [token] }], type: 'trade' }))
        socket.send(JSON.stringify({ type: 'error', msg: `Invalid API key ${token} ${btoa(token)}` }))
        socket.send(`{"type":"trade","data":"${token}`)
        socket.send(JSON.stringify({ data: [{ ...trade, c: [token], p: -1 }], type: 'trade' }))
        socket.close(4001, `bad key ${token}`)
      },
      message() {},
    },
  })
  return { port: server.port ?? 0, tokens, [Symbol.asyncDispose]: () => server.stop(true) }
}
