import { describe, expect, test } from 'bun:test'

import { WebSocket } from 'ws'

import { batch, BTC, entry, type Fixture, latest, openFixture, still, T0 } from './api.fixture.ts'
import { type Clock, type ManualClock, systemClock } from '../clock.ts'
import { serveApi } from './serve.ts'

type Message = Record<string, unknown>

const served = (api: Fixture<Clock>) => serveApi(api.app, { host: '127.0.0.1', port: 0, context: api.context })

/** A WebSocket and the messages that have come and not been read yet. */
async function connect(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, { headers })
  const messages: Message[] = []
  let wake = () => {}
  socket.addEventListener('message', ({ data }) => {
    messages.push(JSON.parse(typeof data === 'string' ? data : 'null') as Message)
    wake()
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)))
  return {
    closed,
    say: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    raw: socket,
    async next(): Promise<Message> {
      while (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return messages.shift() ?? {}
    },
    async [Symbol.asyncDispose]() {
      socket.close()
      await closed
    },
  }
}

/** The events of an SSE answer, split at their blank lines. */
async function* eventsOf(response: Response) {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    yield* parts
  }
}

const messageOf = (event: string | void): Message =>
  JSON.parse(/^data: (.*)$/m.exec(event ?? '')?.[1] ?? 'null') as Message
const idOf = (event: string | undefined): string => /^id: (.*)$/m.exec(event ?? '')?.[1] ?? ''

describe('WebSocket', () => {
  test('subscribes, updates, answers pings and unsubscribes', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    await using client = await connect(server.url)
    client.say({ subscribe: [`trades:${BTC}`], ping: 7 })
    expect(await client.next()).toMatchObject({ type: 'snapshot', channel: `trades:${BTC}`, data: [] })
    expect(await client.next()).toEqual({ type: 'pong', ping: 7 })
    await api.put({ trades: [batch(1, [entry(T0, { p: 12.5 })])] })
    expect(await client.next()).toMatchObject({ type: 'update', seq: 1, data: [{ price: 12.5, trade_ts: T0 }] })
    client.say({ unsubscribe: [`trades:${BTC}`] })
    expect(await client.next()).toEqual({ type: 'unsubscribed', channel: `trades:${BTC}` })
    await api.put({ trades: [batch(2, [entry(T0)])] })
    client.say({ ping: 8 })
    expect(await client.next()).toEqual({ type: 'pong', ping: 8 })
  })

  test('nonsense is answered and the connection goes on', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    await using client = await connect(server.url)
    const nonsense = [
      '',
      'no json',
      '[]',
      'null',
      '{}',
      '{"subscribe":"trades:A"}',
      '{"subscribe":[1]}',
      '{"subscrib":["x"]}',
    ]
    for (const text of [...nonsense, '{"subscribe":["trade:A"]}', '{"unsubscribe":["latest:A"]}', '{"ping":{}}']) {
      client.say(text)
      expect(await client.next()).toEqual({ type: 'error', detail: expect.any(String) })
    }
    client.raw.send(new Uint8Array([1, 2, 3]))
    expect(await client.next()).toMatchObject({ type: 'error', detail: expect.stringContaining('text') })
    client.say({ subscribe: Array.from({ length: 257 }, (_, index) => `latest:S${index}`) })
    expect(await client.next()).toMatchObject({ type: 'error' })
    client.say({ ping: 'still here' })
    expect(await client.next()).toEqual({ type: 'pong', ping: 'still here' })
  })

  test('a page of another origin cannot connect', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    await connect(server.url, { origin: 'https://evil.example' }).then(
      () => expect.unreachable(),
      () => {},
    )
    await using own = await connect(server.url, { origin: server.url })
    own.say({ ping: 1 })
    expect(await own.next()).toEqual({ type: 'pong', ping: 1 })
  })

  test('ends with 1001 when the server stops', async () => {
    await using api = await openFixture({ clock: systemClock })
    const stop = new AbortController()
    await using stopping = await openFixture({ clock: systemClock, signal: stop.signal })
    await using server = await served(stopping)
    const client = await connect(server.url)
    client.say({ ping: 1 })
    await client.next()
    stop.abort()
    expect(await client.closed).toBe(1001)
    expect(api.lines).toEqual([])
  })
})

describe('events', () => {
  test('tell the same as the WebSocket and go on after Last-Event-ID', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    const url = `${server.url}/v1/events?subscribe=${encodeURIComponent(`latest:${BTC},trades:A B`)}`
    const first = await fetch(url)
    expect(first.headers.get('content-type')).toBe('text/event-stream')
    const events = eventsOf(first)
    const next = async () => (await events.next()).value ?? ''
    expect(await next()).toStartWith('retry:')
    expect(messageOf(await next())).toMatchObject({ type: 'snapshot', channel: `latest:${BTC}` })
    expect(messageOf(await next())).toMatchObject({ type: 'snapshot', channel: 'trades:A B' })
    await api.put({ latest: [latest(T0, { price: 1 })] })
    const event = await next()
    expect(messageOf(event)).toMatchObject({ type: 'update', seq: 1, data: [{ price: 1 }] })
    await events.return(undefined)
    await api.put({ latest: [latest(T0 + 1, { price: 2 })] })
    const again = eventsOf(await fetch(url, { headers: { 'last-event-id': idOf(event) } }))
    await again.next()
    const missed = (await again.next()).value
    expect(messageOf(missed)).toMatchObject({ type: 'update', seq: 2, data: [{ price: 2 }] })
    await again.return(undefined)
    const foreign = eventsOf(await fetch(url, { headers: { 'last-event-id': 'other-99' } }))
    await foreign.next()
    expect(messageOf((await foreign.next()).value)).toMatchObject({ type: 'snapshot', data: [{ price: 2 }] })
    await foreign.return(undefined)
  })

  test('a quiet stream shows every 5 seconds that it lives', async () => {
    const clock: ManualClock = still()
    await using api = await openFixture({ clock })
    await using server = await served(api)
    const events = eventsOf(await fetch(`${server.url}/v1/events?subscribe=latest:*`))
    await events.next()
    await events.next()
    for (let beat = 0; beat < 3; beat++) {
      clock.advance(5_000)
      expect((await events.next()).value).toBe(': keepalive')
    }
    await events.return(undefined)
  })

  test('a client that has gone is no listener any more', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    const listeners = async () =>
      (await api.context.metrics.registry.metrics()).match(/stockpipe_stream_clients (\d+)/)?.[1]
    const gone = new AbortController()
    const events = eventsOf(await fetch(`${server.url}/v1/events?subscribe=latest:*`, { signal: gone.signal }))
    await events.next()
    expect(await listeners()).toBe('1')
    gone.abort()
    while ((await listeners()) !== '0') await Bun.sleep(2)
  })

  test('a channel that means nothing is refused before the stream begins', async () => {
    await using api = await openFixture({ clock: still() })
    const { status, body } = await api.json('/v1/events?subscribe=trades:A,candle:1m:A,latest:')
    expect([status, body.errors.length]).toEqual([400, 2])
    expect((await api.json('/v1/events')).body.errors[0]?.parameter).toBe('subscribe')
  })
})

/** A text frame as a client sends it, under a mask of zeros. */
const frame = (text: string): string => `\x81${String.fromCharCode(0x80 + text.length)}\0\0\0\0${text}`

const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng=='
const CHANNEL = `trades:${BTC}`

test.each([
  [
    'WebSocket',
    `GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n${HANDSHAKE}\r\n\r\n`,
    frame(`{"subscribe":["${CHANNEL}"]}`),
  ],
  ['event stream', `GET /v1/events?subscribe=${CHANNEL} HTTP/1.1\r\nHost: localhost\r\n\r\n`, ''],
])('a client that stops reading its %s costs little memory, and is told when it reads again', async (_, ask, first) => {
  const clock = still()
  await using api = await openFixture({ clock })
  await using server = await served(api)
  let got = ''
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: server.port,
    socket: {
      data(_socket, bytes) {
        got += bytes.toString('latin1')
      },
    },
  })
  socket.write(ask)
  while (!got.includes('HTTP/1.1')) await Bun.sleep(1)
  socket.write(Buffer.from(first, 'latin1'))
  while (!got.includes('snapshot')) await Bun.sleep(1)
  socket.pause()
  const conditions = ['x'.repeat(5_000)]
  const publish = async (offset: number) => {
    const entries = Array.from({ length: 40 }, (_, index) => entry(T0 + index, { c: conditions }))
    api.live.publish({ trades: [batch(offset, entries)], windows: [], candles: [], latest: [] })
    clock.advance(75)
    await Bun.sleep(0)
  }
  // 60 MB, far more than the buffers of the system take.
  for (let offset = 1; offset <= 300; offset++) await publish(offset)
  socket.resume()
  while (!got.slice(-300_000).includes('"log_offset":300,"log_index":39')) {
    clock.advance(100)
    await Bun.sleep(5)
  }
  expect(got).toContain('"type":"conflated"')
  expect(got.length).toBeLessThan(30_000_000)
  socket.terminate()
})

describe('serving', () => {
  test('a port in use is an error that says what to do', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    const again = serveApi(api.app, { host: '127.0.0.1', port: server.port, context: api.context })
    await again.then(
      () => expect.unreachable(),
      (error: unknown) =>
        expect(error).toMatchObject({ code: 'port-in-use', hint: expect.stringContaining('--listen') }),
    )
  })

  test('on loopback a foreign Host header is refused', async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await served(api)
    const status = async (host: string) => (await fetch(`${server.url}/livez`, { headers: { host } })).status
    expect(await status(`localhost:${server.port}`)).toBe(200)
    expect(await status(`evil.example:${server.port}`)).toBe(403)
  })

  test('the address stops answering when it is disposed', async () => {
    await using api = await openFixture({ clock: systemClock })
    const server = await served(api)
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
    await server[Symbol.asyncDispose]()
    await fetch(`${server.url}/livez`).then(
      () => expect.unreachable(),
      () => {},
    )
  })
})
