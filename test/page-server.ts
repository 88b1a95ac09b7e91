import { batch, BTC, candle, entry, type Fixture, latest, openFixture, window } from '../src/api/api.fixture.ts'
import type { Info } from '../src/api/info.ts'
import { type ServedApi, serveApi } from '../src/api/serve.ts'
import { createPage } from '../src/api/web/page.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import type { Store } from '../src/stream/store.ts'
import { INTERVALS } from '../src/trade.ts'

export const ETH = 'BINANCE:ETHUSDT'
export const MINUTE = 60_000

/** The page's server in a test: the real API on a real store. */
export interface Served extends AsyncDisposable {
  api: Fixture<Clock>
  info: Info
  /** While true every reading of the store fails. */
  trouble: { isDown: boolean }
  url: string
  stop(): Promise<void>
  /** Again at the same address. */
  restart(): Promise<void>
  /** The next trade of BTC, with the candle, window and latest row that belong to it, written and published. */
  trade(price: number, at?: number): Promise<void>
}

export interface ServeOptions {
  origin?: Info['origin']
  symbols?: readonly string[]
  token?: string | null
}

/** Bundled once. */
let page: ReturnType<typeof createPage> | null = null

export async function serve({
  origin = 'live',
  symbols = [BTC, ETH],
  token = null,
}: ServeOptions = {}): Promise<Served> {
  const startedAt = Date.now() - MINUTE
  const info: Info = { version: '1.2.3', commit: 'abc', origin, symbols, startedAt, mode: 'embedded' }
  const trouble = { isDown: false }
  const store = failing(() => api.store, trouble)
  const api: Fixture<Clock> = await openFixture({
    clock: systemClock,
    page: await (page ??= createPage()),
    info,
    token,
    store,
  })
  const open = (port: number) => serveApi(api.app, { host: '127.0.0.1', port, context: api.context })
  let served: ServedApi = await open(0)
  let offset = 0
  const stop = async () => served[Symbol.asyncDispose]()
  return {
    api,
    info,
    trouble,
    url: served.url,
    stop,
    async restart() {
      served = await open(served.port)
    },
    trade: (price, at = Date.now()) => api.put(rowsOf(price, at, offset++)),
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      await stop()
    },
  }
}

const failing = (store: () => Store, trouble: { isDown: boolean }): Pick<Store, 'read' | 'symbols'> => ({
  async *read(table, query) {
    if (trouble.isDown) throw new Error('down')
    yield* store().read(table, query)
  },
  async symbols() {
    if (trouble.isDown) throw new Error('down')
    return store().symbols()
  },
})

function rowsOf(price: number, at: number, offset: number) {
  const prices = { open: 90_000, high: 100_000, low: 80_000, close: price, vwap: price, n: offset + 1, final: false }
  const hop = at - (at % 5_000) + 5_000
  return {
    trades: [batch(offset, [entry(at, { p: price, v: 0.25 })])],
    candles: INTERVALS.map((interval) => {
      const ms = { '1s': 1_000, '1m': MINUTE, '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '1d': 86_400_000 }[
        interval
      ]
      return candle(at - (at % ms), { interval, ...prices, volume: ms })
    }),
    windows: [window(hop, prices)],
    latest: [latest(at, { price, received_ts: at, day_open: 90_000, change: price - 90_000, change_percent: 1.5 })],
  }
}
