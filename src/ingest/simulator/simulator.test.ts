import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { WebSocket } from 'ws'

import type { Clock } from '../../clock.ts'
import { systemClock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { silentLog } from '../../telemetry.ts'
import type { Entry } from '../../trade.ts'
import { marketClock, ORDINARY_MINUTE } from './market-clock.fixture.ts'
import { history } from './market.ts'
import type { SimulatorOptions } from './options.ts'
import { SIMULATOR_DEFAULTS } from './options.ts'
import { startSimulator } from './simulator.ts'
import { openTruth } from './truth.ts'

const BTC = 'BINANCE:BTCUSDT'
const ETH = 'BINANCE:ETHUSDT'
const folder = mkdtempSync(join(tmpdir(), 'stockpipe-simulator-'))
afterAll(() => rmSync(folder, { recursive: true }))

const start = (options: Partial<SimulatorOptions> = {}, clock: Clock = marketClock()) =>
  startSimulator({ joinMs: 20, ...options }, { clock, log: silentLog })

/** What a client got, and a way to wait for more. */
function openClient(url: string, symbols: readonly string[] = [BTC]) {
  const socket = new WebSocket(url)
  const frames: string[] = []
  const entries: Entry[] = []
  const checks = new Set<() => void>()
  const changed = () => checks.forEach((check) => check())
  const client = {
    socket,
    frames,
    closed: null as number | null,
    entries,
    until: (condition: () => boolean) =>
      new Promise<void>((resolve) => {
        const check = () => {
          if (!condition()) return
          checks.delete(check)
          resolve()
        }
        checks.add(check)
        check()
      }),
    [Symbol.dispose]: () => socket.terminate(),
  }
  socket.on('open', () => symbols.forEach((symbol) => socket.send(JSON.stringify({ type: 'subscribe', symbol }))))
  socket.on('message', (data: Buffer) => {
    frames.push(data.toString())
    entries.push(...entriesOf(data.toString()))
    changed()
  })
  socket.on('close', (code) => {
    client.closed = code
    changed()
  })
  socket.on('error', () => {})
  return client
}

function entriesOf(text: string): Entry[] {
  try {
    const frame: { type?: string; data?: Entry[] } | null = JSON.parse(text)
    return frame?.type === 'trade' && Array.isArray(frame.data) ? frame.data.filter((entry) => entry?.t > 1.7e12) : []
  } catch {
    return []
  }
}

const truthOf = (path: string): { conn: number; frame: string; repeats: number[] }[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

const sorted = (entries: readonly Entry[]) => entries.map((entry) => `${entry.t} ${JSON.stringify(entry)}`).sort()

test('past and present meet without hole or overlap, and the truth file holds exactly what came', async () => {
  const truthFile = join(folder, 'seam.ndjson')
  const began = ORDINARY_MINUTE
  const since = began - 8_000
  const simulator = await start({ rate: 600, history: 60_000, truthFile })
  using client = openClient(`${simulator.url}/?token=t&since=${since}`, [BTC, ETH])
  await client.until(() => (client.entries.at(-1)?.t ?? 0) > began + 500)
  const to = began + 400
  await simulator[Symbol.asyncDispose]()
  const expected = [...history([BTC, ETH], { from: since, to }, { ...SIMULATOR_DEFAULTS, rate: 600 })]
  expect(expected.length).toBeGreaterThan(500)
  expect(sorted(client.entries.filter(({ t }) => t < to))).toEqual(sorted(expected))
  await client.until(() => client.closed !== null)
  expect(
    truthOf(truthFile)
      .map(({ frame }) => frame)
      .slice(0, client.frames.length),
  ).toEqual(client.frames)
})

test('the past comes in order of time, at most 200 trades a frame, within two seconds', async () => {
  const clock = marketClock()
  const began = clock.now()
  await using simulator = await start({ history: 1_800_000, rate: 40 }, clock)
  using client = openClient(simulator.url, [BTC, ETH])
  await client.until(() => (client.entries.at(-1)?.t ?? 0) >= began)
  expect(clock.now() - began).toBeLessThan(2_000)
  const past = client.entries.filter(({ t }) => t < began)
  expect(past.length).toBeGreaterThan(5_000)
  expect(past.every(({ t }, index) => index === 0 || t >= (past[index - 1]?.t ?? 0))).toBe(true)
  expect(Math.max(...client.frames.map((frame) => entriesOf(frame).length))).toBeLessThanOrEqual(200)
  expect(past[0]?.t).toBeGreaterThanOrEqual(began - 1_800_000)
  expect(past[0]?.t).toBeLessThan(began - 1_790_000)
})

test('no frame of the past spans so much that one symbol makes another late, however few trade', async () => {
  const clock = marketClock()
  const began = clock.now()
  await using simulator = await start({ history: 300_000, rate: 2 }, clock)
  using client = openClient(simulator.url, [BTC, ETH])
  await client.until(() => (client.entries.at(-1)?.t ?? 0) >= began)
  const spans = client.frames.map(entriesOf).map((entries) => (entries.at(-1)?.t ?? 0) - (entries[0]?.t ?? 0))
  expect(spans.length).toBeGreaterThan(50)
  expect(Math.max(...spans)).toBeLessThan(1_000)
})

test('two simulators at the same moment send the same trades', async () => {
  const since = ORDINARY_MINUTE - 3_000
  const seen = await Promise.all(
    [1, 2].map(async () => {
      await using simulator = await start({ history: 60_000, rate: 300 })
      using client = openClient(`${simulator.url}/?since=${since}`)
      await client.until(() => (client.entries.at(-1)?.t ?? 0) > since + 3_100)
      return sorted(client.entries.filter(({ t }) => t < since + 3_000))
    }),
  )
  expect(seen[0]?.length).toBeGreaterThan(50)
  expect(seen[0]).toEqual(seen[1] ?? [])
})

test('disorder, lateness, repeats and garbage reach the wire, and each trade still comes as often as it should', async () => {
  const clock = marketClock(20)
  const truthFile = join(folder, 'faults.ndjson')
  const faults = {
    rate: 200,
    repeats: 2,
    twins: 0.1,
    disorderMs: 300,
    late: { share: 0.05, ms: 2_000 },
    garbageShare: 0.1,
  } as const
  const simulator = await start({ ...faults, truthFile }, clock)
  using client = openClient(simulator.url)
  await client.until(() => client.entries.length > 0)
  const from = clock.now() + 200
  await client.until(() => client.entries.some(({ t }) => t > from + 7_500))
  await simulator[Symbol.asyncDispose]()
  const range = { from, to: from + 4_000 }
  const expected = [...history([BTC], range, { ...SIMULATOR_DEFAULTS, ...faults })]
  const got = client.entries.filter(({ t }) => t >= range.from && t < range.to)
  expect(sorted(got)).toEqual(sorted([...expected, ...expected]))
  expect(got.some(({ t }, index) => index > 0 && t < (got[index - 1]?.t ?? 0))).toBe(true)
  expect(client.frames.filter((frame) => entriesOf(frame).length === 0).length).toBeGreaterThan(3)
  const firsts = truthOf(truthFile).flatMap(({ frame, repeats }) =>
    entriesOf(frame).filter((_entry, index) => !repeats.includes(index)),
  )
  expect(sorted(firsts.filter(({ t }) => t >= range.from && t < range.to))).toEqual(sorted(expected))
})

test('the 51st symbol is refused with an error frame, the socket stays, and unsubscribing frees a place', async () => {
  await using simulator = await start({ limit: 2, rate: 2000 })
  using client = openClient(simulator.url, [BTC, ETH, 'AAPL'])
  await client.until(() => client.frames.includes('{"msg":"Subscribing to too many symbols","type":"error"}'))
  client.socket.send(JSON.stringify({ type: 'unsubscribe', symbol: BTC }))
  client.socket.send(JSON.stringify({ type: 'subscribe', symbol: 'AAPL' }))
  await client.until(() => client.entries.some(({ s }) => s === 'AAPL'))
  expect(client.closed).toBeNull()
})

test('a malformed symbol is an error frame; an unknown one, a repeated one and nonsense are not answered', async () => {
  await using simulator = await start({ symbols: [BTC], rate: 300 })
  using client = openClient(simulator.url, [BTC, BTC, 'NOBODY:KNOWS', ' ?'])
  client.socket.on('open', () => client.socket.send('nonsense'))
  await client.until(() => client.entries.length > 20)
  const others = client.frames.filter((frame) => entriesOf(frame).length === 0)
  expect(others).toEqual(['{"msg":"Invalid symbol  ?","type":"error"}'])
  expect(client.entries.every(({ s }) => s === BTC)).toBe(true)
})

test('a stall sends pings and no trade, and what traded meanwhile is lost', async () => {
  const clock = marketClock(20)
  const began = clock.now()
  await using simulator = await start({ rate: 200, stall: { afterMs: 1_000, forMs: 3_000 }, pingEveryMs: 500 }, clock)
  using client = openClient(simulator.url)
  await client.until(() => client.entries.some(({ t }) => t > began + 4_000))
  const times = client.entries.map(({ t }) => t)
  const gap = Math.max(...times.map((t, index) => t - (times[index - 1] ?? t)))
  expect(gap).toBeGreaterThan(2_000)
  expect(client.frames.filter((frame) => frame === '{"type":"ping"}').length).toBeGreaterThanOrEqual(5)
})

test('a second client evicts the first where only one may be connected', async () => {
  await using simulator = await start({ oneConnection: true, rate: 200 })
  using first = openClient(simulator.url)
  await first.until(() => first.frames.length > 0)
  using second = openClient(simulator.url)
  await first.until(() => first.closed !== null)
  await second.until(() => second.frames.length > 0)
  expect(simulator.clients).toBe(1)
})

test('a client that does not read is disconnected', async () => {
  await using simulator = await start({ rate: 1_000, garbageShare: 1, clientBufferBytes: 100_000 }, marketClock(20))
  const socket = connect(simulator.port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const key = Buffer.from('0123456789abcdef').toString('base64')
  socket.pause()
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  const request = Buffer.from(JSON.stringify({ type: 'subscribe', symbol: BTC }))
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | request.length, 0, 0, 0, 0]), request]))
  const awaitClients = async (count: number) => {
    while (simulator.clients !== count) await systemClock.sleep(5)
  }
  await awaitClients(1)
  await awaitClients(0)
  socket.destroy()
})

test('after a sleep of the machine the client of a market with a past is asked to come again, any other goes on', async () => {
  const ticking = marketClock()
  let slept = 0
  const clock = { ...ticking, now: () => ticking.now() + slept }
  await using past = await start({ history: 60_000, rate: 50 }, clock)
  await using plain = await start({ rate: 50 }, clock)
  using first = openClient(past.url)
  using second = openClient(plain.url)
  await Promise.all([first.until(() => first.entries.length > 0), second.until(() => second.entries.length > 0)])
  slept = 601_000
  await first.until(() => first.closed === 1001)
  const woke = clock.now()
  await second.until(() => (second.entries.at(-1)?.t ?? 0) > woke)
  expect(first.entries.at(-1)?.t).toBeLessThan(woke - 600_000)
})

test('the clock offset shifts trades and the Date of the handshake', async () => {
  await using simulator = await start({ clockOffsetMs: 3_600_000, rate: 300 })
  using client = openClient(simulator.url)
  const date = new Promise<string | undefined>((resolve) =>
    client.socket.on('upgrade', ({ headers }) => resolve(headers.date)),
  )
  expect(Date.parse((await date) ?? '') - ORDINARY_MINUTE).toBeGreaterThanOrEqual(3_600_000)
  await client.until(() => client.entries.length > 0)
  expect((client.entries[0]?.t ?? 0) - ORDINARY_MINUTE).toBeGreaterThanOrEqual(3_600_000)
})

test('REST answers quotes, searches and listings about the same market', async () => {
  await using simulator = await start({ symbols: [BTC, 'ZZZZ'] })
  const get = async (path: string): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${simulator.port}/api/v1/${path}&token=t`)).json()
  expect(await get(`quote?symbol=${BTC}`)).toMatchObject({
    c: expect.any(Number),
    pc: expect.any(Number),
    t: expect.any(Number),
  })
  expect(await get('quote?symbol=NONE')).toMatchObject({ c: 0, t: 0 })
  expect(await get('search?q=apple')).toMatchObject({ count: 1, result: [{ symbol: 'AAPL', type: 'Common Stock' }] })
  expect(await get('crypto/symbol?exchange=binance')).toContainEqual({
    description: 'Binance BTCUSDT',
    displaySymbol: 'BTC/USDT',
    symbol: BTC,
  })
  expect(JSON.stringify(await get('stock/symbol?exchange=US'))).toContain('"ZZZZ"')
  expect(await get('stock/market-status?exchange=US')).toMatchObject({ exchange: 'US', isOpen: true })
  expect(await get('nothing?x=1')).toEqual({ error: 'not simulated' })
})

test('requests that make no sense are answered with 400, and the others go on', async () => {
  await using simulator = await start()
  const ask = (request: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(simulator.port, '127.0.0.1')
      socket.write(`${request}\r\nHost: x\r\nConnection: Upgrade\r\n\r\n`)
      socket.once('data', (head) => {
        resolve(head.toString().split('\r\n')[0] ?? '')
        socket.destroy()
      })
    })
  const websocket = 'Upgrade: websocket\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=='
  expect(await ask('GET // HTTP/1.1')).toContain(' 400 ')
  expect(await ask(`GET // HTTP/1.1\r\n${websocket}`)).toContain(' 400 ')
  expect(await ask('GET / HTTP/1.1\r\nUpgrade: websocket')).toContain(' 400 ')
  expect(await ask(`GET / HTTP/1.1\r\n${websocket}`)).toContain(' 101 ')
})

test.if(existsSync('/dev/full'))(
  'a truth file that can no longer be written is reported once, and the market goes on',
  () => {
    const lines: string[] = []
    const log = { ...silentLog, error: (event: string) => void lines.push(event) }
    const truth = openTruth('/dev/full', log)
    for (let sent = 0; sent < 3; sent++) truth.sent({ received: 1, conn: 0, frame: 'x'.repeat(70_000), repeats: [] })
    truth.close()
    expect(lines).toEqual(['simulator.truth.lost'])
  },
)

test('a taken port and a bad option are errors that say so', async () => {
  await using simulator = await start()
  const codeOf = (given: Partial<SimulatorOptions>) =>
    start(given).then(
      () => null,
      (error: unknown) => (error instanceof StockpipeError ? error.code : error),
    )
  expect(await codeOf({ port: simulator.port })).toBe('port-in-use')
  expect(await codeOf({ twins: 2, rate: -1 })).toBe('config')
  expect(await codeOf({ truthFile: join(folder, 'none', 'x') })).toBe('config')
})
