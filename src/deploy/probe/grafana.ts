/** Asks Grafana everything that its dashboards would ask, by its own API. */
import { StockpipeError } from '../../errors.ts'
import { type Answer, answersOf } from '../grafana/answers.ts'
import type { Dashboard } from '../grafana/dashboard.ts'
import { DASHBOARDS } from '../grafana/files.ts'
import type { TimeRange } from '../grafana/interpolate.ts'
import { dashboardQueries, type DashboardQuery, resolveVariables } from '../grafana/queries.ts'
import { interrupted } from '../interrupted.ts'
import { inParallel } from '../parallel.ts'
import { type GrafanaAccess, GrafanaClient } from './grafana-client.ts'
import type { Probe } from './junit.ts'
import { tried } from './tried.ts'

/** A browser asks one server no more. */
const AT_A_TIME = 6
const RANGE_MS = 5 * 60_000

export interface GrafanaTest extends GrafanaAccess {
  /** Names of the dashboards that are installed. */
  dashboards: readonly string[]
}

/** Data sources as `grafana/provisioning` names them. Prometheus is not ours: many have none. */
const SOURCES = ['stockpipe-cassandra', 'stockpipe-api']
const OPTIONAL_SOURCE = 'stockpipe-prometheus'
const NOT_INSTALLED = 'left out: it asks Prometheus, and is installed with --set monitoring.prometheusUrl=...'

/**
 * Health of Grafana, of each data source, and every query of every dashboard, with patience (`GrafanaClient`). Throws
 * `not-ready` when it is interrupted.
 */
export async function probeGrafana(test: GrafanaTest): Promise<Probe[]> {
  const { clock, signal } = test
  const client = new GrafanaClient(test)
  const health = await tried(clock, 'grafana', () => checkHealth(client))
  if (!health.ok) return [health]
  const source = (uid: string, check: () => Promise<string>) => tried(clock, `grafana datasource ${uid}`, check)
  const wanted = SOURCES.map((uid) => source(uid, () => client.patiently(() => checkSource(client, uid))))
  const optional = source(OPTIONAL_SOURCE, () => checkSource(client, OPTIONAL_SOURCE)).then(leftOut)
  const sources = await Promise.all([...wanted, optional])
  const now = clock.now()
  const asked = {
    ...test,
    client,
    sources: SOURCES.concat(sources.at(-1)?.isLeftOut === true ? [] : OPTIONAL_SOURCE),
    range: { from: now - RANGE_MS, to: now },
  }
  const queries: Probe[] = []
  for (const name of Object.keys(DASHBOARDS)) {
    if (signal.aborted) break
    queries.push(...(await probeDashboard(asked, name)))
  }
  if (signal.aborted) throw interrupted()
  return [health, ...sources, ...queries]
}

const leftOut = (probe: Probe): Probe =>
  probe.ok ? probe : { ...probe, ok: true, isLeftOut: true, detail: `left out, and its queries: ${probe.detail}` }

async function checkHealth(client: GrafanaClient): Promise<string> {
  const { version, database } = (await client.ask('/api/health')) as { version?: string; database?: string }
  if (database !== 'ok') throw new StockpipeError('not-ready', `its database is ${database ?? 'not known'}`)
  return `version ${version ?? 'not known'}`
}

async function checkSource(client: GrafanaClient, uid: string): Promise<string> {
  const { status, message } = (await client.ask(`/api/datasources/uid/${uid}/health`)) as {
    status?: string
    message?: string
  }
  if (status !== 'OK') throw new StockpipeError('not-ready', message ?? 'it is not healthy', { retryable: true })
  return message ?? 'healthy'
}

interface Asked extends GrafanaTest {
  client: GrafanaClient
  /** A query of another one is left out. */
  sources: readonly string[]
  range: TimeRange
}

/** One that asks Prometheus is installed only with its address. */
const mayBeLeftOut = (dashboard: Dashboard): boolean => JSON.stringify(dashboard).includes(OPTIONAL_SOURCE)

async function probeDashboard({ client, clock, range, ...asked }: Asked, name: string): Promise<Probe[]> {
  const dashboard = DASHBOARDS[name]
  if (dashboard === undefined) throw new StockpipeError('internal', `there is no dashboard ${name}`)
  if (!asked.dashboards.includes(name) && mayBeLeftOut(dashboard))
    return [{ name: `grafana dashboard ${dashboard.title}`, ok: true, isLeftOut: true, detail: NOT_INSTALLED, ms: 0 }]
  const loaded = await tried(clock, `grafana dashboard ${dashboard.title}`, async () => {
    await client.ask(`/api/dashboards/uid/${dashboard.uid}`)
    return 'provisioned'
  })
  if (!loaded.ok) return [loaded]
  try {
    const ask = (query: DashboardQuery) => client.patiently(() => answer(client, query))
    const values = await resolveVariables(dashboard, range, async (query) => (await ask(query)).first)
    const queries = dashboardQueries(dashboard, values, range).filter(({ datasource }) =>
      asked.sources.includes(datasource),
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

async function answer(client: GrafanaClient, { request }: DashboardQuery): Promise<Answer> {
  const [first] = answersOf(await client.ask('/api/ds/query', request))
  if (first === undefined) throw new StockpipeError('not-ready', 'Grafana gave no answer', { retryable: true })
  if (first.error !== null) throw new StockpipeError('not-ready', first.error, { retryable: true })
  return first
}
