/** A pipeline of three processes on Kafka and Cassandra, and what Grafana's plugin would read of it. */
import { Client, type types } from 'cassandra-driver'

import { temporaryFolder } from './binary.ts'
import { openMarket, type ServerAddresses } from './market.ts'
import { type Running, running, until } from './running.ts'
import { market } from './server-faults.fixture.ts'
import type { Dashboard } from '../src/deploy/grafana/dashboard.ts'
import { DASHBOARDS } from '../src/deploy/grafana/files.ts'
import { expandCql, type TimeRange, type Values } from '../src/deploy/grafana/interpolate.ts'
import { cqlOf, dashboardQueries, type DashboardQuery, resolveVariables } from '../src/deploy/grafana/queries.ts'

const PARTITIONS = ['--partitions', '2']
/** Of gocql, which the plugin is built on. */
const FETCH_SIZE = 5000
const RANGE_MS = 300_000

export interface Scene extends AsyncDisposable {
  /** `host:port` of each role. */
  roles: readonly { role: string; address: string }[]
  /** The rows of one of the dashboards' queries. */
  rows(query: DashboardQuery): Promise<types.ResultSet>
  /** With its variables as somebody finds them who opens it, now and for the last minutes unless told otherwise. */
  open(
    dashboard: Dashboard,
    range?: TimeRange,
  ): Promise<{ queries: DashboardQuery[]; variables: DashboardQuery[]; values: Values }>
  /** A row as the pipeline would have written it; times are Dates. */
  insert(table: string, row: Readonly<Record<string, unknown>>): Promise<void>
}

/** What a pipeline that just began has none of: the partitions before the newest ones. All of it is AAPL's. */
async function insertBefore(insert: Scene['insert']): Promise<void> {
  const [hourAt, midnight] = [new Date().setUTCMinutes(0, 0, 0), new Date().setUTCHours(0, 0, 0, 0)]
  const [late, lateCandle] = [120_000, 3_600_000]
  const hour = new Date(hourAt - 1).toISOString().slice(0, 13)
  const day = new Date(midnight - 1).toISOString().slice(0, 10)
  const symbol = 'AAPL'
  const prices = { open: 1, high: 3, low: 1, close: 2, volume: 5 }
  const key = { log_partition: 0, log_offset: 1, log_index: 0 }
  const candle = (interval: string, bucket: string, open_ts: number) =>
    insert('candles', { symbol, interval, bucket, open_ts: new Date(open_ts), ...prices })
  const items = (kinds: readonly string[], item: string) =>
    kinds.map((kind) => insert('contents', { kind, symbol, item }))
  const window = {
    window_end_ts: new Date(midnight - late),
    vwap: 2,
    mean_price: 2,
    mean_notional: 10,
    n: 1,
    final: true,
  }
  const gap = {
    from_ts: new Date(midnight - late),
    to_ts: new Date(midnight - late + 1),
    cause: 'disconnect',
    detail: '',
  }
  await Promise.all([
    insert('trades', { symbol, hour, trade_ts: new Date(hourAt - late), ...key, price: 2, volume: 1 }),
    candle('1s', hour, hourAt - late),
    ...items(['trades', '1s'], hour),
    insert('running_averages_15_sec', { symbol, day, ...window, ...prices }),
    insert('gaps', { symbol, day, ...gap }),
    ...['1m', '5m', '15m'].map((interval) => candle(interval, day, midnight - lateCandle)),
    ...items(['windows', 'gaps', '1m', '5m', '15m'], day),
  ])
}

/**
 * Trades flow, and the feed drops its connection every few seconds, so that there are gaps. The hour and the day before
 * have one row of everything.
 */
export async function openScene(servers: ServerAddresses): Promise<Scene> {
  await using scope = new AsyncDisposableStack()
  const folder = scope.use(temporaryFolder())
  const { name, log, store, query } = scope.use(openMarket(servers))
  const { simulator, url } = await market('--rate', '200', '--close', '4s')
  scope.use(simulator)
  const feed = ['--finnhub-url', url, '--symbols', 'BINANCE:BTCUSDT,AAPL', '--data-dir', folder.path, ...log]
  const roles: readonly (readonly [string, readonly string[]])[] = [
    ['producer', feed],
    ['processor', [...log, ...store]],
    ['api', [...log, ...store]],
  ]
  const processes = roles.map(([role, words]) =>
    scope.use(running(['run', '--role', role, '--listen', '127.0.0.1:0', ...PARTITIONS, ...words])),
  )
  const cql = new Client({
    contactPoints: [...servers.cassandra.contactPoints],
    localDataCenter: servers.cassandra.datacenter,
    protocolOptions: { port: servers.cassandra.port },
    keyspace: name,
  })
  scope.defer(() => cql.shutdown())
  const isThere = (table: string) =>
    query(`SELECT * FROM ${table} LIMIT 1`).then(
      ({ length }) => length > 0,
      () => false,
    )
  await until(
    async () => (await isThere('gaps')) && (await isThere('running_averages_15_sec')) && (await isThere('latest')),
    (there) => there,
  )
  const rows: Scene['rows'] = ({ request }) => {
    const range = { from: Number(request.from), to: Number(request.to) }
    return cql.execute(expandCql(cqlOf(request) ?? '', range), [], { prepare: true, fetchSize: FETCH_SIZE })
  }
  const insert: Scene['insert'] = async (table, row) => {
    const marks = Object.keys(row).map(() => '?')
    const text = `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${marks.join()})`
    await cql.execute(text, Object.values(row), { prepare: true })
  }
  await insertBefore(insert)
  const addresses = await Promise.all(processes.map(addressOf))
  const opened = scope.move()
  return {
    roles: roles.map(([role], index) => ({ role, address: addresses[index] ?? '' })),
    rows,
    open: (dashboard, range) => open(dashboard, rows, range),
    insert,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const addressOf = async (process: Running): Promise<string> => new URL(await process.url()).host

const lastMinutes = (to: number): TimeRange => ({ from: to - RANGE_MS, to })

async function open(dashboard: Dashboard, rows: Scene['rows'], range = lastMinutes(Date.now())) {
  const variables: DashboardQuery[] = []
  const values = await resolveVariables(dashboard, range, async (query) => {
    variables.push(query)
    const found = await rows(query)
    return found.rows.map((row) => String(row[row.keys()[0] ?? '']))
  })
  return { variables, values, queries: dashboardQueries(dashboard, values, range) }
}

export interface Pace {
  name: string
  p50: number
  p99: number
}

/** The dashboard Market as one browser refreshes it: its variables, then all panels at once, every 500 ms. */
export async function paced(scene: Scene, seconds: number): Promise<Pace[]> {
  const times = new Map<string, number[]>()
  const timed: Scene['rows'] = async (query) => {
    const from = performance.now()
    const rows = await scene.rows(query)
    const all = times.get(query.name) ?? []
    times.set(query.name, all)
    all.push(performance.now() - from)
    return rows
  }
  const startedAt = performance.now()
  for (let round = 0; round < seconds * 2; round++) {
    const { queries } = await open(DASHBOARDS['market'] as Dashboard, timed)
    await Promise.all(queries.map(timed))
    await Bun.sleep(Math.max(0, startedAt + (round + 1) * REFRESH_MS - performance.now()))
  }
  return [...times].map(([name, all]) => ({ name, p50: quantile(all, 0.5), p99: quantile(all, 0.99) }))
}
export const REFRESH_MS = 500

function quantile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
}
