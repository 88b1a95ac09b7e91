/** Asks Grafana everything that its dashboards would ask, by its own API. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { type Answer, answersOf } from '../grafana/answers.ts'
import type { Dashboard } from '../grafana/dashboard.ts'
import { DASHBOARDS } from '../grafana/files.ts'
import type { TimeRange } from '../grafana/interpolate.ts'
import { dashboardQueries, type DashboardQuery, resolveVariables } from '../grafana/queries.ts'
import { inParallel } from '../parallel.ts'
import type { Probe } from './junit.ts'
import { tried } from './tried.ts'

const PATIENCE_MS = 30_000
/** The plugin's driver looks only once a minute whether a node that was away is there again. */
const AGAIN_FOR_MS = 90_000
const AGAIN_AFTER_MS = 1_000
/** What Grafana itself refuses; with anything else it may tell of what lies behind it. */
const LASTING = new Set([401, 403, 404])
/** A browser asks one server no more. */
const AT_A_TIME = 6
const RANGE_MS = 5 * 60_000

export interface GrafanaAccess {
  /** Without a slash at its end. */
  url: string
  /** Where the login is from. */
  secret: string
  username: string
  password: string
  clock: Clock
  /** Ends it: what has no answer yet fails. */
  signal: AbortSignal
  /** Names of the dashboards that are installed. */
  dashboards: readonly string[]
}

/** Data sources as `grafana/provisioning` names them. Prometheus is not ours: many have none. */
const SOURCES = ['stockpipe-cassandra', 'stockpipe-api']
const OPTIONAL_SOURCE = 'stockpipe-prometheus'
const NOT_INSTALLED = 'left out: it asks Prometheus, and is installed with --set monitoring.prometheusUrl=...'

/**
 * Health of Grafana, of each data source, and every query of every dashboard. What lies behind Grafana is asked again
 * for a while: a data source whose server began anew needs that for its connections.
 */
export async function probeGrafana(access: GrafanaAccess): Promise<Probe[]> {
  const { clock } = access
  const health = await tried(clock, 'grafana', () => checkHealth(access))
  if (!health.ok) return [health]
  const until = clock.elapsed() + AGAIN_FOR_MS
  const source = (uid: string, isPatient: boolean) =>
    tried(clock, `grafana datasource ${uid}`, () =>
      isPatient ? patiently({ ...access, until }, () => checkSource(access, uid)) : checkSource(access, uid),
    )
  const wanted = SOURCES.map((uid) => source(uid, true))
  const sources = await Promise.all([...wanted, source(OPTIONAL_SOURCE, false).then(leftOut)])
  const there = SOURCES.concat(sources.at(-1)?.isLeftOut === true ? [] : OPTIONAL_SOURCE)
  const now = clock.now()
  const range = { from: now - RANGE_MS, to: now }
  const queries: Probe[] = []
  for (const name of Object.keys(DASHBOARDS))
    queries.push(...(await probeDashboard({ ...access, sources: there, until }, name, range)))
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
  if (status !== 'OK') throw new StockpipeError('not-ready', message ?? 'it is not healthy', { retryable: true })
  return message ?? 'healthy'
}

interface Asking extends GrafanaAccess, Patience {
  /** A query of another one is left out. */
  sources: readonly string[]
}

/** One that asks Prometheus is installed only with its address. */
const mayBeLeftOut = (dashboard: Dashboard): boolean => JSON.stringify(dashboard).includes(OPTIONAL_SOURCE)

async function probeDashboard(access: Asking, name: string, range: TimeRange): Promise<Probe[]> {
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
    const ask = (query: DashboardQuery) => patiently(access, () => answer(access, query))
    const values = await resolveVariables(dashboard, range, async (query) => (await ask(query)).first)
    const queries = dashboardQueries(dashboard, values, range).filter(({ datasource }) =>
      access.sources.includes(datasource),
    )
    const probes = await inParallel(queries, AT_A_TIME, (query) =>
      tried(clock, `grafana query ${query.name}`, async () => `${(await ask(query)).rows} rows`),
    )
    return [loaded, ...probes]
  } catch (error) {
    const failed = await tried(clock, `grafana variables ${dashboard.title}`, () => Promise.reject(error))
    return [loaded, failed]
  }
}

interface Patience extends Pick<GrafanaAccess, 'clock' | 'signal'> {
  /** By `clock.elapsed()`: behind it nothing is asked again. */
  until: number
}

async function patiently<Result>({ clock, signal, until }: Patience, ask: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const isLasting = error instanceof StockpipeError && !error.retryable
      if (isLasting || signal.aborted || clock.elapsed() + AGAIN_AFTER_MS > until) throw error
      await clock.sleep(AGAIN_AFTER_MS, signal)
    }
  }
}

async function answer(access: GrafanaAccess, { request }: DashboardQuery): Promise<Answer> {
  const [first] = answersOf(await call(access, '/api/ds/query', request))
  if (first === undefined) throw new StockpipeError('not-ready', 'Grafana gave no answer', { retryable: true })
  if (first.error !== null) throw new StockpipeError('not-ready', first.error, { retryable: true })
  return first
}

async function call(
  { url, secret, username, password, signal }: GrafanaAccess,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const response = await fetch(`${url}${path}`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (response.ok) return JSON.parse(text)
  const hint =
    response.status === 401 ? `the Secret ${secret} must hold the password that Grafana began with` : undefined
  throw new StockpipeError('not-ready', `Grafana answers ${path} with ${response.status}: ${text.slice(0, 300)}`, {
    hint,
    retryable: !LASTING.has(response.status),
  })
}
