import { describe, expect, test } from 'bun:test'

import { batch, BTC, candle, entry, type Fixture, latest, openFixture, still, T0, window } from '../api.fixture.ts'
import { type Channel, parseChannel } from '../channel.ts'
import type { ManualClock } from '../../clock.ts'
import { Hub } from './hub.ts'
import { Listener, type Sink } from './listener.ts'

type Message = Record<string, unknown> & { type: string; seq: number; data: Record<string, unknown>[] }

/** A client in this process: what it was told, and whether it is slow. */
class Client implements Sink {
  readonly messages: Message[] = []
  readonly numbers: (number | null)[] = []
  slow = false

  send(text: string, number: number | null): void {
    this.messages.push(JSON.parse(text) as Message)
    this.numbers.push(number)
  }

  isFull(): boolean {
    return this.slow
  }

  take(): Message[] {
    return this.messages.splice(0)
  }
}

const channel = (name: string): Channel => {
  const parsed = parseChannel(name)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

function hubOf({ store, live, context }: Fixture<ManualClock>) {
  const ended = new AbortController()
  return new Hub({ store, live, context, signal: ended.signal })
}

async function join(hub: Hub, ...names: string[]) {
  const client = new Client()
  const listener = new Listener(hub, client)
  await listener.subscribe(names.map(channel))
  return { client, listener }
}

/** Lets the hub speak. */
async function settle(api: Fixture<ManualClock>, ms = 75) {
  api.clock.advance(ms)
  await new Promise(setImmediate)
}

describe('a subscription', () => {
  test('begins with what the store has, oldest first, then tells every change once', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ trades: [batch(1, [entry(T0 + 1, { p: 1 }), entry(T0, { p: 2 })])] })
    const { client } = await join(hubOf(api), `trades:${BTC}`)
    const [snapshot] = client.take()
    expect(snapshot).toMatchObject({
      type: 'snapshot',
      channel: `trades:${BTC}`,
      seq: 0,
      data: [{ price: 2 }, { price: 1 }],
    })
    await api.put({ trades: [batch(2, [entry(T0 + 2, { p: 3 })]), batch(3, [entry(T0, { s: 'X' })], { symbol: 'X' })] })
    await api.put({ trades: [batch(4, [entry(T0 + 3, { p: 4 })])] })
    await settle(api)
    await settle(api)
    const told = client.take()
    expect(told.map(({ type, seq }) => [type, seq])).toEqual(told.map((_, index) => ['update', index + 1]))
    expect(told.flatMap(({ data }) => data.map((row) => row['price']))).toEqual([3, 4])
  })

  test('gathers what comes within a moment: of each candle only its newest state', async () => {
    await using api = await openFixture({ clock: still() })
    const { client } = await join(hubOf(api), `candles:1m:${BTC}`)
    await api.put({ candles: [candle(T0, { n: 1 })] })
    await settle(api, 0)
    client.take()
    for (const n of [2, 3, 4]) await api.put({ candles: [candle(T0, { n }), candle(T0, { n, interval: '5m' })] })
    await settle(api)
    const rows = client.take().flatMap(({ data }) => data)
    expect(rows.map((row) => row['n'])).toEqual([4])
    expect(rows[0]).not.toHaveProperty('stamp')
  })

  test('is not told again what its snapshot held', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOf(api)
    const rows = { trades: [batch(1, [entry(T0)])], candles: [candle(T0)] }
    await api.put(rows)
    const client = new Client()
    const joined = new Listener(hub, client).subscribe([channel(`trades:${BTC}`), channel(`candles:1m:${BTC}`)])
    // Published while the store is being read, and in the store already.
    api.live.publish({ windows: [], latest: [], ...rows })
    await joined
    await settle(api)
    const trades = client.take().filter((message) => message['channel'] === `trades:${BTC}`)
    expect(trades.map(({ type, data }) => [type, data.length])).toEqual([['snapshot', 1]])
  })

  test('to * tells of every symbol, and its snapshot shows the newest of each', async () => {
    await using api = await openFixture({ clock: still() })
    const later = candle(T0 + 60_000, { symbol: 'X', n: 7 })
    const prices = { latest: [latest(T0), latest(T0, { symbol: 'X' })], windows: [window(T0)] }
    await api.put({ candles: [candle(T0), candle(T0, { symbol: 'X' }), later], ...prices })
    const { client } = await join(hubOf(api), 'candles:1m:*', 'latest:*')
    const [candles, latests] = client.take()
    expect(candles?.data.map((row) => [row['symbol'], row['open_ts']])).toEqual([
      [BTC, T0],
      ['X', T0 + 60_000],
    ])
    expect(latests?.data.map((row) => row['symbol'])).toEqual([BTC, 'X'])
    await api.put({ candles: [candle(T0 + 120_000, { symbol: 'Y' })] })
    await settle(api)
    expect(client.take().flatMap(({ data }) => data.map((row) => row['symbol']))).toEqual(['Y'])
  })

  test('ends when it is told to', async () => {
    await using api = await openFixture({ clock: still() })
    const { client, listener } = await join(hubOf(api), `windows:${BTC}`)
    expect(client.take().length).toBe(1)
    expect([listener.unsubscribe(`windows:${BTC}`), listener.unsubscribe(`windows:${BTC}`)]).toEqual([true, false])
    await api.put({ windows: [window(T0)] })
    await settle(api)
    expect(client.take()).toEqual([])
  })

  test('gives all clients the same text', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOf(api)
    const first = await join(hub, `latest:${BTC}`)
    const second = await join(hub, `latest:${BTC}`)
    await api.put({ latest: [latest(T0, { price: 42 })] })
    await settle(api)
    expect(first.client.messages.at(-1)).toMatchObject({ seq: 1, data: [{ price: 42 }] })
    expect(second.client.messages.at(-1)).toEqual(first.client.messages.at(-1) as Message)
  })
})

describe('a slow client', () => {
  test('gets the newest candle once it takes messages again, and is told what it missed', async () => {
    await using api = await openFixture({ clock: still() })
    const { client } = await join(hubOf(api), `candles:1m:${BTC}`)
    client.take()
    client.slow = true
    for (let n = 1; n <= 5; n++) {
      await api.put({ candles: [candle(T0, { n })] })
      await settle(api)
    }
    expect(client.take()).toEqual([])
    client.slow = false
    await settle(api, 100)
    const [conflated, update, ...more] = client.take()
    expect(conflated).toEqual({ type: 'conflated', channel: `candles:1m:${BTC}`, dropped: 4 } as never)
    expect(update).toMatchObject({ type: 'update', seq: 5, data: [{ n: 5 }] })
    expect(more).toEqual([])
    await api.put({ candles: [candle(T0, { n: 6 })] })
    await settle(api)
    expect(client.take()).toMatchObject([{ type: 'update', seq: 6, data: [{ n: 6 }] }])
  })

  test('has at most 1000 trades waiting; the oldest go, counted', async () => {
    await using api = await openFixture({ clock: still() })
    const { client } = await join(hubOf(api), `trades:${BTC}`)
    client.take()
    client.slow = true
    for (let offset = 1; offset <= 6; offset++) {
      const entries = Array.from({ length: 250 }, (_, index) => entry(T0 + offset * 1000 + index))
      api.live.publish({ trades: [batch(offset, entries)], windows: [], candles: [], latest: [] })
      await settle(api)
    }
    client.slow = false
    await settle(api, 100)
    const [conflated, update] = client.take()
    expect(conflated).toMatchObject({ type: 'conflated', dropped: 500 })
    expect(update?.data.length).toBe(1000)
    expect(update?.data.at(-1)).toMatchObject({ log_offset: 6, log_index: 249 })
  })

  test('does not slow the others down', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOf(api)
    const slow = await join(hub, `latest:${BTC}`)
    const quick = await join(hub, `latest:${BTC}`)
    slow.client.slow = true
    for (let tick = 1; tick <= 3; tick++) {
      await api.put({ latest: [latest(T0 + tick)] })
      await settle(api)
    }
    expect(quick.client.messages.map(({ seq }) => seq)).toEqual([0, 1, 2, 3])
    slow.listener.close()
    slow.client.slow = false
    await settle(api, 100)
    expect(slow.client.messages.length).toBe(1)
  })
})

test('a flood of trades is cut to what a message carries, and everyone is told', async () => {
  await using api = await openFixture({ clock: still() })
  const { client } = await join(hubOf(api), `trades:${BTC}`)
  await api.put({ latest: [] })
  client.take()
  const entries = Array.from({ length: 800 }, (_, index) => entry(T0 + index))
  api.live.publish({ trades: [batch(9, entries)], windows: [], candles: [], latest: [] })
  await settle(api)
  expect(client.take()).toMatchObject([
    { type: 'conflated', dropped: 300 },
    { type: 'update', seq: 1 },
  ])
})

describe('resuming', () => {
  test('tells exactly what came since, in order', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOf(api)
    const names = [`trades:${BTC}`, `latest:${BTC}`]
    const before = await join(hub, ...names)
    const put = async (offset: number) => {
      await api.put({ trades: [batch(offset, [entry(T0 + offset)])], latest: [latest(T0 + offset)] })
      await settle(api)
    }
    await put(1)
    const heard = before.client.numbers.at(-1) ?? 0
    before.listener.close()
    for (const offset of [2, 3]) await put(offset)
    const client = new Client()
    await new Listener(hub, client).resume(names.map(channel), heard)
    expect(client.messages.map(({ type }) => type)).toEqual(['update', 'update', 'update', 'update'])
    expect(client.messages.map(({ seq }) => seq)).toEqual([2, 2, 3, 3])
    expect(client.numbers.at(-1)).toBe(hub.number)
  })

  test('begins afresh when the channel was forgotten in between', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOf(api)
    const before = await join(hub, `latest:${BTC}`)
    await api.put({ latest: [latest(T0)] })
    await settle(api)
    const heard = before.client.numbers.at(-1) ?? 0
    before.listener.close()
    await settle(api, 61_000)
    await join(hub, 'latest:X')
    await api.put({ latest: [latest(T0 + 9, { price: 9 })] })
    const client = new Client()
    await new Listener(hub, client).resume([channel(`latest:${BTC}`)], heard)
    expect(client.messages).toMatchObject([{ type: 'snapshot', data: [{ price: 9 }] }])
  })

  test('begins afresh when more has been told than is kept', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOf(api)
    await join(hub, `trades:${BTC}`)
    const start = hub.number
    for (let offset = 1; offset <= 10; offset++) {
      const entries = Array.from({ length: 400 }, (_, index) => entry(T0 + offset * 1000 + index))
      api.live.publish({ trades: [batch(offset, entries)], windows: [], candles: [], latest: [] })
      await settle(api)
    }
    const client = new Client()
    await new Listener(hub, client).resume([channel(`trades:${BTC}`)], start)
    expect(client.messages.map(({ type, data }) => [type, data.length])).toEqual([['snapshot', 100]])
    const near = new Client()
    await new Listener(hub, near).resume([channel(`trades:${BTC}`)], hub.number - 1)
    expect(near.messages.map(({ type }) => type)).toEqual(['update'])
  })
})

describe('how long it takes from the store to who listens', () => {
  const served = (api: Fixture<ManualClock>) => api.stats.latency.quantiles('store_serve')
  const hubOfAll = ({ store, live, context, stats }: Fixture<ManualClock>) =>
    new Hub({ store, live, context, latency: stats.latency, signal: new AbortController().signal })

  test('is that of the oldest and the newest row of a push', async () => {
    await using api = await openFixture({ clock: still() })
    await join(hubOfAll(api), `candles:1m:${BTC}`)
    await api.put({ candles: [candle(T0)] })
    await settle(api)
    await api.put({ candles: [candle(T0, { n: 6 })] })
    api.clock.advance(20)
    await api.put({ candles: [candle(T0, { n: 7 })] })
    await api.put({ candles: [candle(T0 + 60_000)] })
    await settle(api, 55)
    const { samples, p50, p99 } = served(api)
    expect([samples, p50]).toEqual([6, 0])
    expect(p99).toBeGreaterThanOrEqual(55)
    expect(p99).toBeLessThan(70)
    expect(await api.context.metrics.registry.metrics()).toContain(
      'stockpipe_hop_duration_seconds_count{hop="store_serve"} 6',
    )
  })

  test('is not known where nobody listens, or of what did not come by way of the store', async () => {
    await using api = await openFixture({ clock: still() })
    const hub = hubOfAll(api)
    const { listener } = await join(hub, `trades:${BTC}`)
    await api.put({ candles: [candle(T0)] })
    api.clock.advance(500)
    api.live.publish({ trades: [batch(1, [entry(T0)])], windows: [], candles: [], latest: [] })
    await settle(api)
    listener.close()
    await api.put({ trades: [batch(2, [entry(T0)])] })
    await settle(api)
    expect(served(api).samples).toBe(0)
  })
})
