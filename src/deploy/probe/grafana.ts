/** Asks Grafana everything that its dashboards would ask, by its own API. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { type Answer, answersOf } from '../grafana/answers.ts'
import type { Dashboard } from '../grafana/dashboard.ts'
import { DASHBOARDS } from '../grafana/files.ts'
import type { TimeRange } from '../grafana/interpolate.ts'
import { dashboardQueries, type DashboardQuery, resolveVariables } from '../grafana/queries.ts'
import type { Probe } from './junit.ts'
import { tried } from './tried.ts'

const PATIENCE_MS = 30_000
const RANGE_MS = 5 * 60_000

export interface GrafanaAccess {
  /** Without a slash at its end. */
  url: string
  /** Where the login is from. */
  secret: string
  username: string
  password: string
  clock: Clock
  /** Names of the dashboards that are installed. */
  dashboards: readonly string[]
}

/** Data sources as `grafana/provisioning` names them. Prometheus is not ours: many have none. */
const SOURCES = ['stockpipe-cassandra', 'stockpipe-api']
const OPTIONAL_SOURCE = 'stockpipe-prometheus'
const NOT_INSTALLED = 'left out: it asks Prometheus, and is installed with --set monitoring.prometheusUrl=...'

/** Health of Grafana, of each data source, and every query of every dashboard. */
export async function probeGrafana(access: GrafanaAccess): Promise<Probe[]> {
  const { clock } = access
  const health = await tried(clock, 'grafana', () => checkHealth(access))
  if (!health.ok) return [health]
  const source = (uid: string) => tried(clock, `grafana datasource ${uid}`, () => checkSource(access, uid))
  const sources = await Promise.all([...SOURCES.map(source), source(OPTIONAL_SOURCE).then(leftOut)])
  const there = SOURCES.concat(sources.at(-1)?.isLeftOut === true ? [] : OPTIONAL_SOURCE)
  const now = clock.now()
  const range = { from: now - RANGE_MS, to: now }
  const queries: Probe[] = []
  for (const name of Object.keys(DASHBOARDS))
    queries.push(...(await probeDashboard({ ...access, sources: there }, name, range)))
  return [health, ...sources, ...queries]
}

const leftOut = (probe: Probe): Probe =>
  probe.ok ? probe : { ...probe, ok: true, isLeftOut: true, detail: `left out, and its queries: ${probe.detail}` }

async function checkHealth(access: GrafanaAccess): Promise<string> {
  const { version, database } = (await call(access, '/api/health')) as { version?: string; database?: string }
  if (database !== 'ok') throw new StockpipeError('not-ready', `its database is ${database ?? 'not known'}`)
  return `version ${version ?? 'not known'}`
}

async function checkSource(access: GrafanaAccess, uid: string): Promise<string> {
  const { status, message } = (await call(access, `/api/datasources/uid/${uid}/health`)) as {
    status?: string
    message?: string
  }
  if (status !== 'OK') throw new StockpipeError('not-ready', message ?? 'it is not healthy')
  return message ?? 'healthy'
}

interface Sourced extends GrafanaAccess {
  /** A query of another one is left out. */
  sources: readonly string[]
}

/** One that asks Prometheus is installed only with its address. */
const mayBeLeftOut = (dashboard: Dashboard): boolean => JSON.stringify(dashboard).includes(OPTIONAL_SOURCE)

async function probeDashboard(access: Sourced, name: string, range: TimeRange): Promise<Probe[]> {
  const dashboard = DASHBOARDS[name]
  if (dashboard === undefined) throw new StockpipeError('internal', `there is no dashboard ${name}`)
  const { clock } = access
  if (!access.dashboards.includes(name) && mayBeLeftOut(dashboard))
    return [{ name: `grafana dashboard ${dashboard.title}`, ok: true, isLeftOut: true, detail: NOT_INSTALLED, ms: 0 }]
  const loaded = await tried(clock, `grafana dashboard ${dashboard.title}`, async () => {
    await call(access, `/api/dashboards/uid/${dashboard.uid}`)
    return 'provisioned'
  })
  if (!loaded.ok) return [loaded]
  try {
    const ask = async (query: DashboardQuery) => (await answer(access, query)).first
    const values = await resolveVariables(dashboard, range, ask)
    const queries = dashboardQueries(dashboard, values, range).filter(({ datasource }) =>
      access.sources.includes(datasource),
    )
    const probes = queries.map((query) =>
      tried(clock, `grafana query ${query.name}`, async () => `${(await answer(access, query)).rows} rows`),
    )
    return [loaded, ...(await Promise.all(probes))]
  } catch (error) {
    const failed = await tried(clock, `grafana variables ${dashboard.title}`, () => Promise.reject(error))
    return [loaded, failed]
  }
}

async function answer(access: GrafanaAccess, { request }: DashboardQuery): Promise<Answer> {
  const [first] = answersOf(await call(access, '/api/ds/query', request))
  if (first === undefined) throw new StockpipeError('not-ready', 'Grafana gave no answer')
  if (first.error !== null) throw new StockpipeError('not-ready', first.error)
  return first
}

async function call(
  { url, secret, username, password }: GrafanaAccess,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const response = await fetch(`${url}${path}`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (response.ok) return JSON.parse(text)
  const hint =
    response.status === 401 ? `the Secret ${secret} must hold the password that Grafana began with` : undefined
  throw new StockpipeError('not-ready', `Grafana answers ${path} with ${response.status}: ${text.slice(0, 300)}`, {
    hint,
  })
}
