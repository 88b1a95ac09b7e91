import { expect, test } from 'bun:test'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

import { systemClock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { Health, createLog, createMetrics } from '../../telemetry.ts'
import type { Context } from '../../telemetry.ts'
import type { Entry } from '../../trade.ts'
import type { FeedEvent, Frame } from '../feed.ts'
import { marketClock } from '../simulator/market-clock.fixture.ts'
import type { SimulatorOptions } from '../simulator/options.ts'
import { startSimulator } from '../simulator/simulator.ts'
import { openFinnhubFeed } from './finnhub.ts'
import { Resume } from './resume.ts'
import type { FinnhubFeedOptions } from './finnhub.ts'

const BTC = 'BINANCE:BTCUSDT'
const TOKEN = 'a+secret/token'

/** Of servers and feeds alike. */
const clock = marketClock()

interface Line {
  event: string
  [field: string]: unknown
}

function contextOf(): { context: Context; lines: Line[] } {
  const lines: Line[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const log = createLog({ level: 'debug', format: 'json', clock, write })
  return { context: { clock, log, metrics: createMetrics(), health: new Health() }, lines }
}

const simulate = (options: Partial<SimulatorOptions> = {}) =>
  startSimulator({ rate: 400, ...options }, { clock, log: contextOf().context.log })

/** Runs a feed and keeps what it yields; disposing it ends it. */
function follow(url: string, given: Partial<FinnhubFeedOptions> = {}) {
  const { context, lines } = contextOf()
  const retry = { baseMs: 10, capMs: 40, evictionMs: 0, ...given.retry }
  const options = { url, token: TOKEN, symbols: [BTC], session: 'test', ...given, retry }
  const feed = openFinnhubFeed(options, context)
  const events: FeedEvent[] = []
  const stop = new AbortController()
  const done = (async () => {
    for await (const some of feed.events(stop.signal)) events.push(...some)
  })()
  const until = async (condition: () => boolean) => {
    while (!condition()) await systemClock.sleep(2)
  }
  const end = async () => {
    stop.abort()
    await done
  }
  const frames = () => events.filter((event): event is Frame => event.kind === 'frame')
  const opens = () => events.filter(({ kind }) => kind === 'open').length
  const reason = (component = 'feed') =>
    context.health.report().find((row) => row.component === component)?.reason ?? ''
  return { events, frames, opens, reason, lines, context, until, end, [Symbol.asyncDispose]: end }
}

const tradesOf = ({ text }: Frame): Entry[] => {
  const frame: { data?: Entry[] } = JSON.parse(text)
  return frame.data ?? []
}

const isTrade = (frame: Frame) => frame.text.includes('"type":"trade"')

const shapeOf = (events: readonly FeedEvent[]) =>
  events.filter(({ kind }) => kind !== 'tick').map((event) => `${event.kind} ${'conn' in event ? event.conn : ''}`)

test.concurrent('frames come unparsed, numbered, with their time of receipt, between open and close', async () => {
  await using simulator = await simulate()
  const began = clock.now()
  await using feed = follow(simulator.url, { symbols: [BTC, 'BINANCE:ETHUSDT'] })
  await feed.until(() => feed.frames().length >= 5)
  await feed.end()
  expect(feed.events.find(({ kind }) => kind === 'open')).toMatchObject({ conn: 0, skew: 0 })
  expect(shapeOf(feed.events).at(-1)).toBe('close 0')
  feed.frames().forEach((frame, index) => {
    expect(frame).toMatchObject({ conn: 0, session: 'test', seq: index, known: false })
    expect(frame.received).toBeGreaterThanOrEqual(began)
    expect(tradesOf(frame).every(({ t }) => t <= (frame.received ?? 0))).toBe(true)
  })
  expect(
    new Set(
      feed
        .frames()
        .flatMap(tradesOf)
        .map(({ s }) => s),
    ).size,
  ).toBe(2)
})

test.concurrent('a connection that answers pings and brings no trades, though it should, is made anew', async () => {
  await using simulator = await simulate({ stall: { afterMs: 3_000, forMs: 600_000 }, pingEveryMs: 100 })
  await using feed = follow(simulator.url, { silence: { shortestMs: 500, pauses: 5 } })
  await feed.until(() => feed.opens() > 1)
  const lost = feed.lines.find(({ event }) => event === 'feed.lost')
  expect(lost).toMatchObject({ reason: 'stall', why: expect.stringContaining('usually trades every') })
  const trades = (conn: number) => feed.frames().filter((frame) => frame.conn === conn && tradesOf(frame).length > 0)
  await feed.until(() => trades(1).length > 0)
  const close = feed.events.find(({ kind }) => kind === 'close')
  expect(close).toMatchObject({ cause: 'stall', from: trades(0).at(-1)?.received })
}, 20_000)

test.concurrent('time is told at least every 200 ms, on a silent market too', async () => {
  await using simulator = await simulate({ rate: 0 })
  await using feed = follow(simulator.url)
  await feed.until(() => feed.events.filter(({ kind }) => kind === 'tick').length >= 4)
  const times = feed.events.flatMap((event) => (event.kind === 'tick' ? [event.at] : []))
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(200)
  expect(Math.max(...gaps)).toBeLessThan(1_000)
})

test.concurrent.each(['trade', 'data', 'BINANCE'])(
  'a made-up key that is a word of every frame (%s) spoils none',
  async (token) => {
    await using simulator = await simulate()
    await using feed = follow(simulator.url, { token })
    await feed.until(() => feed.frames().length > 2)
    expect(feed.frames().filter(isTrade).flatMap(tradesOf).length).toBeGreaterThan(2)
    expect(feed.frames().some(({ text }) => text.includes('***'))).toBe(false)
  },
)

test.concurrent.each([false, true])(
  'a closed connection is made again and everything subscribed anew (mid-frame: %p)',
  async (midFrameClose) => {
    await using simulator = await simulate({ rate: 2_000, closeEveryMs: 150, midFrameClose })
    await using feed = follow(simulator.url)
    await feed.until(() => new Set(feed.frames().map(({ conn }) => conn)).size >= 3)
    await feed.end()
    const shape = shapeOf(feed.events)
    for (const conn of new Set(feed.frames().map((frame) => frame.conn))) {
      const [open, first] = [shape.indexOf(`open ${conn}`), shape.indexOf(`frame ${conn}`)]
      const [last, close] = [shape.lastIndexOf(`frame ${conn}`), shape.indexOf(`close ${conn}`)]
      expect(open < first && first <= last && last < close).toBe(true)
    }
    expect(feed.frames().every((frame) => tradesOf(frame).length > 0)).toBe(true)
    expect(feed.frames().map(({ seq }) => seq)).toEqual(feed.frames().map((_frame, index) => index))
    expect(feed.lines.find(({ event }) => event === 'feed.lost')).toMatchObject({ reason: 'closed' })
    const causes = feed.events.flatMap((event) => (event.kind === 'close' ? [event.cause] : []))
    // The last one is our own.
    expect([new Set(causes.slice(0, -1)), causes.at(-1)]).toEqual([new Set(['outage']), null])
    expect(await feed.context.metrics.registry.metrics()).toMatch(/feed_reconnects_total\{reason="closed"\} [2-9]/)
  },
)

test.concurrent('a connection without any frame is dead; one with pings is alive', async () => {
  await using dead = await simulate({ stall: { afterMs: 100, forMs: 60_000 } })
  await using lively = await simulate({ stall: { afterMs: 0, forMs: 60_000 }, pingEveryMs: 50 })
  await using stalled = follow(dead.url, { stallAfterMs: 400 })
  await using quiet = follow(lively.url, { stallAfterMs: 400 })
  await stalled.until(() => stalled.opens() >= 2)
  expect(stalled.lines.find(({ event }) => event === 'feed.lost')).toMatchObject({ reason: 'stall' })
  expect(quiet.frames().length).toBeGreaterThan(3)
  expect(quiet.opens()).toBe(1)
})

test.concurrent('a peer that answers no ping is left', async () => {
  const sockets = new Set<Socket>()
  await using simulator = await simulate({ rate: 0 })
  // Passes the handshake on, then swallows all that the client says.
  const deaf = createServer((client) => {
    const server = connect(simulator.port, '127.0.0.1')
    client.once('data', (handshake) => server.write(handshake))
    server.pipe(client)
    for (const socket of [client, server]) sockets.add(socket.on('error', () => {}))
  })
  const port = await listen(deaf)
  await using feed = follow(`ws://127.0.0.1:${port}`, { pingEveryMs: 150 })
  await using answered = follow(simulator.url, { pingEveryMs: 150 })
  await feed.until(() => feed.lines.some(({ reason }) => reason === 'ping-timeout'))
  expect(answered.opens()).toBe(1)
  expect(answered.lines.filter(({ event }) => event === 'feed.lost')).toEqual([])
  await feed.end()
  sockets.forEach((socket) => socket.destroy())
  deaf.close()
})

test.concurrent('a refused token makes the feed not ready, and it is tried again without showing it', async () => {
  await using simulator = await simulate({ reject: 401, rejectTimes: 1 })
  await using feed = follow(simulator.url, { retry: { refusedMs: 100 } })
  await feed.until(() => feed.reason() !== '' && !feed.reason().startsWith('connecting'))
  expect(feed.reason()).toContain('Finnhub refused the token (HTTP 401)')
  expect(feed.opens()).toBe(0)
  await feed.until(() => feed.frames().length > 0)
  expect(feed.reason()).toBe('')
  const said = JSON.stringify([feed.lines, feed.events, feed.context.health.report()])
  for (const secret of [TOKEN, encodeURIComponent(TOKEN), 'secret']) expect(said).not.toContain(secret)
})

test.concurrent('a busy server is asked again when it said', async () => {
  await using simulator = await simulate({ reject: 429, rejectTimes: 1, retryAfter: 0.2 })
  await using feed = follow(simulator.url)
  await feed.until(() => feed.frames().length > 0)
  expect(feed.lines.find(({ event }) => event === 'feed.lost')).toMatchObject({ reason: 'busy', retryInMs: 200 })
})

test.concurrent('a server in trouble is asked again after a pause', async () => {
  await using simulator = await simulate({ reject: 524, rejectTimes: 3 })
  await using feed = follow(simulator.url)
  await feed.until(() => feed.frames().length > 0)
  expect(feed.lines.filter(({ reason }) => reason === 'server').length).toBe(3)
  expect(feed.events.find(({ kind }) => kind === 'open')).toMatchObject({ conn: 0 })
})

test.concurrent('nobody listening is an outage like any other', async () => {
  const port = await freePort()
  await using feed = follow(`ws://127.0.0.1:${port}`)
  await feed.until(() => feed.lines.some(({ reason }) => reason === 'network'))
  await using _simulator = await simulate({ port })
  await feed.until(() => feed.frames().length > 0)
  expect(JSON.stringify(feed.lines)).not.toContain('secret')
})

test.concurrent('a handshake without an answer does not hang', async () => {
  const mute = createServer((socket) => void socket.on('error', () => {}))
  const port = await listen(mute)
  await using feed = follow(`ws://127.0.0.1:${port}`, { handshakeMs: 50 })
  await feed.until(() => feed.lines.some(({ why }) => why === 'the handshake got no answer'))
  await feed.end()
  mute.close()
})

test.concurrent('two clients of one key do not fight: both see it and wait', async () => {
  await using simulator = await simulate({ oneConnection: true })
  const retry = { evictionMs: 2_000, evictedMs: 60_000 }
  await using one = follow(simulator.url, { retry })
  await using other = follow(simulator.url, { retry })
  await one.until(() => [one, other].some((feed) => feed.lines.some(({ reason }) => reason === 'evicted')))
  const loser = [one, other].find((feed) => feed.lines.some(({ reason }) => reason === 'evicted'))
  expect(loser?.reason()).toContain('another client probably uses this key')
  await systemClock.sleep(20)
  expect(loser?.events.some((event) => event.kind === 'close' && event.cause === 'eviction')).toBe(true)
  const openings = one.opens() + other.opens()
  await systemClock.sleep(150)
  expect(one.opens() + other.opens()).toBeLessThanOrEqual(openings + 1)
})

test.concurrent('too many symbols: the error frame is passed on, the rest trades, and health says what is wrong', async () => {
  await using simulator = await simulate({ limit: 1 })
  await using feed = follow(simulator.url, { symbols: [BTC, 'AAPL', 'TSLA'] })
  await feed.until(() => feed.frames().some(isTrade))
  expect(feed.frames().filter(({ text }) => text.includes('"error"')).length).toBe(2)
  expect(feed.reason('feed.symbols')).toContain('Subscribing to too many symbols')
  expect(feed.reason('feed')).toBe('')
  await feed.until(() => feed.events.some(({ kind }) => kind === 'refused'))
  expect(feed.events.filter(({ kind }) => kind === 'refused')).toMatchObject([{ symbols: ['AAPL', 'TSLA'] }])
})

test.concurrent('the skew of the server is told in whole seconds', async () => {
  await using simulator = await simulate({ clockOffsetMs: 30_000 })
  await using feed = follow(simulator.url)
  await feed.until(() => feed.opens() > 0)
  const opened = feed.events.find((event) => event.kind === 'open')
  expect([29_000, 30_000]).toContain(opened?.skew ?? 0)
})

test.concurrent('history asked for with `since` is not asked for twice', async () => {
  const since = clock.now() - 5_000
  const past = { first: 5_000, again: 50_000 }
  await using simulator = await simulate({ history: 60_000, joinMs: 10, closeEveryMs: 300 })
  await using feed = follow(simulator.url, { resume: new Resume([BTC], past) })
  await feed.until(() => feed.frames().some(({ conn }) => conn === 2))
  const times = feed
    .frames()
    .flatMap(tradesOf)
    .map(({ t }) => t)
  expect(times[0]).toBeLessThan(since + 1_000)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  const late = times.slice(1).map((t, index) => t - (times[index] ?? 0))
  expect(Math.max(...late)).toBeLessThan(1_000)
})

test.concurrent('a reader that does not pull loses frames beyond the bound, and that is said', async () => {
  await using simulator = await simulate({ rate: 2_000 })
  const { context, lines } = contextOf()
  const feed = openFinnhubFeed(
    { url: simulator.url, token: null, symbols: [BTC], session: 's', queueLimit: { frames: 2 } },
    context,
  )
  const stop = new AbortController()
  const iterator = feed.events(stop.signal)[Symbol.asyncIterator]()
  await iterator.next()
  while (!lines.some(({ event }) => event === 'feed.loss.begin')) await systemClock.sleep(5)
  const seen: FeedEvent[] = []
  while (seen.filter(({ kind }) => kind === 'frame').length < 6) seen.push(...((await iterator.next()).value ?? []))
  stop.abort()
  await iterator.return?.()
  expect(lines.find(({ event }) => event === 'feed.loss.end')).toMatchObject({
    frames: expect.any(Number),
    from: expect.any(Number),
  })
  const seqs = seen.flatMap((event) => (event.kind === 'frame' ? [event.seq] : []))
  expect(seqs.slice(0, 2)).toEqual([0, 1])
  expect(seqs[2]).toBeGreaterThan(2)
  const lost = seen.find((event) => event.kind === 'lost')
  expect(lost?.frames).toBe((seqs[2] ?? 0) - 2)
  const metrics = await context.metrics.registry.metrics()
  expect(metrics).toMatch(/feed_frames_total\{type="dropped"\} [1-9]/)
  expect(metrics).toMatch(/spool_dropped_total [1-9]/)
})

test.concurrent('a reader that gives up leaves word of what the log did not get', async () => {
  await using simulator = await simulate({ rate: 2_000 })
  const { context, lines } = contextOf()
  const feed = openFinnhubFeed({ url: simulator.url, token: null, symbols: [BTC], session: 's' }, context)
  let held: Frame | null = null
  for await (const events of feed.events(new AbortController().signal)) {
    const frames = events.filter((event): event is Frame => event.kind === 'frame')
    if (held !== null && frames.length > 0) break
    held = frames[0] ?? null
    if (held !== null) feed.acknowledge(held)
  }
  const loss = lines.find(({ event }) => event === 'feed.loss.end')
  expect(loss?.['from']).toBe(held?.received)
  expect(Number(loss?.['frames'])).toBeGreaterThan(0)
  expect(Number(loss?.['to'])).toBeGreaterThanOrEqual(Number(loss?.['from']))
})

test.concurrent('a proxy is used when there is one', async () => {
  await using simulator = await simulate()
  const requests: string[] = []
  const proxy = createServer((client) => {
    client.on('error', () => {})
    client.once('data', (head) => {
      requests.push(String(head).split('\r\n')[0] ?? '')
      const server = connect(simulator.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        client.pipe(server).pipe(client)
      })
      server.on('error', () => client.destroy())
    })
  })
  const port = await listen(proxy)
  await using feed = follow('ws://feed.invalid:80', { proxy: `http://user:pass@127.0.0.1:${port}` })
  await feed.until(() => feed.frames().length > 0)
  expect(requests).toEqual(['CONNECT feed.invalid:80 HTTP/1.1'])
  await feed.end()
  proxy.close()
})

test.concurrent('a proxy that refuses is an outage, and neither token nor password is shown', async () => {
  const proxy = createServer((client) => {
    client.on('error', () => {})
    client.once('data', () => client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'))
  })
  const port = await listen(proxy)
  await using feed = follow('ws://feed.invalid', { token: 'tok en', proxy: `http://user:pass@127.0.0.1:${port}` })
  await feed.until(() => feed.lines.some(({ reason }) => reason === 'network'))
  await feed.end()
  proxy.close()
  const said = JSON.stringify([feed.lines, feed.context.health.report()])
  expect(said).toContain('Proxy')
  for (const secret of ['tok en', 'tok+en', 'tok%20en', 'pass']) expect(said).not.toContain(secret)
})

test.concurrent('an address that is none is refused at once, without being shown', () => {
  const open =
    (url: string, proxy = 'http://proxy:1') =>
    () =>
      openFinnhubFeed({ url, token: TOKEN, symbols: [BTC], session: 's', proxy }, contextOf().context)
  for (const url of ['https://finnhub.io', 'finnhub', '']) expect(open(url)).toThrow(StockpipeError)
  expect(open('wss://ws.finnhub.io', 'nonsense')).toThrow(StockpipeError)
})

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
