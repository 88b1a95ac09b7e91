/** For tests: the API on a real store in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Clock, manualClock } from '../clock.ts'
import { type Live, localLive } from '../stream/live.ts'
import { noRows, type Rows, type Store } from '../stream/store.ts'
import { openEmbeddedStore } from '../stream/store/embedded.ts'
import { latencyReport } from '../latency-report.ts'
import { PipelineStats } from '../stats.ts'
import { type Context, createLog, createMetrics, Health } from '../telemetry.ts'
import {
  bucketOf,
  type CandleRow,
  dayOf,
  type Entry,
  type GapRow,
  type LateRow,
  type LatestRow,
  type Stamped,
  type TradeBatch,
  type WindowRow,
} from '../trade.ts'
import { type ApiOptions, createApi } from './api.ts'
import type { Info, Status } from './info.ts'

export const BTC = 'BINANCE:BTCUSDT'
/** A whole minute, 2026-11-23T14:30:00Z. */
export const T0 = 1_795_444_200_000

export interface Fixture<AnyClock extends Clock> extends AsyncDisposable {
  app: ReturnType<typeof createApi>
  store: Store
  live: Live
  context: Context
  stats: PipelineStats
  status: Status
  clock: AnyClock
  /** What was logged. */
  lines: string[]
  /** Writes and then publishes, as the processor does. */
  put(rows: Partial<Rows>): Promise<void>
  json(url: string, init?: RequestInit): Promise<Answer>
}

/** The members of all JSON answers; a test reads those that its route has. */
export interface Body {
  data: readonly Readonly<Record<string, unknown>>[]
  next_cursor: string | null
  range: { from: number; to: number | null }
  detail: string
  errors: readonly { parameter?: string; detail: string }[]
  request_id: string
}

export interface Answer {
  status: number
  headers: Headers
  body: Body
}

export async function openFixture<AnyClock extends Clock>(
  options: Partial<ApiOptions> & { clock: AnyClock },
): Promise<Fixture<AnyClock>> {
  const folder = await mkdtemp(join(tmpdir(), 'stockpipe-api-'))
  const lines: string[] = []
  const { clock } = options
  const log = createLog({ level: 'debug', format: 'json', clock, write: (line) => lines.push(line) })
  const context: Context = { clock, log, metrics: createMetrics(), health: new Health() }
  const retention = { tradesMs: null, candlesMs: null }
  const store = await openEmbeddedStore({ path: join(folder, 'store.db'), clock, log, retention })
  const live = localLive()
  const ended = new AbortController()
  const info: Info = {
    version: '1.2.3',
    commit: 'abc',
    origin: 'replay',
    symbols: [BTC],
    startedAt: T0,
    mode: 'embedded',
  }
  const stats = new PipelineStats(clock)
  const { latency } = stats
  const facts = { origin: (options.info ?? info).origin, roles: ['api', 'processor'], clocks: [] }
  const status = () => ({ ...stats.snapshot(), latency: latencyReport(latency, facts) })
  const app = createApi({
    store,
    catalog: store.catalog,
    live,
    latency,
    context,
    info,
    status,
    signal: ended.signal,
    ...options,
  })
  return {
    app,
    store,
    live,
    context,
    stats,
    status,
    clock,
    lines,
    async put(rows) {
      const all = { ...noRows(), ...rows }
      await store.write(all)
      live.publish({ ...all, storedAt: clock.now() })
    },
    async json(url, init) {
      const response = await app.request(url, init)
      return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
    },
    async [Symbol.asyncDispose]() {
      ended.abort()
      await store[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

export const still = () => manualClock(T0)

export const entry = (t: number, more: Partial<Entry> = {}): Entry => ({ s: BTC, t, p: 100, v: 1, c: null, ...more })

export const batch = (offset: number, entries: readonly Entry[], more: Partial<TradeBatch> = {}): TradeBatch => ({
  symbol: BTC,
  partition: 3,
  offset,
  received: null,
  ingested: T0,
  entries,
  skip: null,
  future: null,
  ...more,
})

const values = { open: 1, high: 4, low: 1, close: 2, volume: 10, vwap: 2, n: 5 }
const closing = { final: true, closed_by: 'watermark', revision: 0 } as const

export const candle = (open_ts: number, more: Partial<CandleRow> = {}): Stamped<CandleRow> => {
  const row = { symbol: BTC, interval: '1m' as const, open_ts, ...values, ...closing, ...more }
  return { bucket: bucketOf(row.interval, open_ts), ...row, stamp: open_ts * 1000 + 4 * row.n }
}

export const window = (window_end_ts: number, more: Partial<WindowRow> = {}): Stamped<WindowRow> => {
  const window_start_ts = window_end_ts - 15_000
  const row = {
    symbol: BTC,
    window_end_ts,
    window_start_ts,
    mean_price: 2,
    mean_notional: 4,
    ...values,
    ...closing,
    ...more,
  }
  return { day: dayOf(window_end_ts), ...row, stamp: window_start_ts * 1000 + 4 * row.n }
}

export const late = (trade_ts: number, missed: string, log_offset = 1): LateRow => ({
  symbol: BTC,
  day: dayOf(trade_ts),
  trade_ts,
  log_partition: 3,
  log_offset,
  log_index: 0,
  price: 100,
  volume: 1,
  missed,
  entry_interval: '5m',
  late_by_ms: 20_000,
  incarnation: 1,
})

export const gap = (from_ts: number, to_ts: number, more: Partial<GapRow> = {}): Stamped<GapRow> => {
  const row = { symbol: BTC, day: dayOf(from_ts), from_ts, cause: 'outage', to_ts, detail: 'socket closed', ...more }
  return { ...row, stamp: to_ts * 1000 }
}

export const latest = (trade_ts: number, more: Partial<LatestRow> = {}): Stamped<LatestRow> => ({
  symbol: BTC,
  price: 100,
  volume: 1,
  trade_ts,
  received_ts: null,
  day_open: null,
  change: null,
  change_percent: null,
  ...more,
  stamp: trade_ts * 1000,
})
