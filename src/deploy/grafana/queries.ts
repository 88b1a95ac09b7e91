/** The questions that a dashboard asks, as bodies of Grafana's `POST /api/ds/query`. */
import { CASSANDRA_PLUGIN, type Dashboard, isLive, type Target, targetsOf, type Variable } from './dashboard.ts'
import { durationMs, interpolate, type TimeRange, type Values } from './interpolate.ts'

export interface GrafanaRequest {
  /** Unix ms, as text. */
  from: string
  to: string
  queries: readonly Target[]
}

export interface DashboardQuery {
  /** For people: `Market / Price A`. */
  name: string
  datasource: string
  request: GrafanaRequest
}

/** Resolves to the first column of the answer. */
export type Ask = (query: DashboardQuery) => Promise<readonly string[]>

/** What Grafana's panels send along; the back end of Prometheus needs it. */
const PANEL = { intervalMs: 5000, maxDataPoints: 500 }

/**
 * The value of each variable: what a person who opens the dashboard gets. Those that are queries are asked in their
 * order, as later ones may name earlier ones.
 */
export async function resolveVariables(dashboard: Dashboard, range: TimeRange, ask: Ask): Promise<Values> {
  const values: Record<string, string | readonly string[]> = {}
  for (const variable of dashboard.templating.list) {
    const query = variableQuery(dashboard, variable, { values, range })
    values[variable.name] = query === null ? chosen(variable) : pick(variable, await ask(query))
  }
  return values
}

function variableQuery(
  { title }: Dashboard,
  { name, type, datasource, query }: Variable,
  { values, range }: { values: Values; range: TimeRange },
): DashboardQuery | null {
  if (type !== 'query' || datasource === undefined || typeof query !== 'object') return null
  const cql = { refId: 'A', datasource, queryType: 'query', rawQuery: true, target: query.query ?? '' }
  const target = query.infinityQuery ?? cql
  return {
    name: `${title} / variable ${name}`,
    datasource: datasource.uid,
    request: requestOf([filled(target, values, range)], range),
  }
}

const chosen = ({ current }: Variable): string | readonly string[] => current?.value ?? ''

/** A variable of one value takes the first in the order of names. */
const pick = ({ includeAll }: Variable, found: readonly string[]): string | readonly string[] =>
  includeAll === true ? [...found].sort() : ([...found].sort()[0] ?? '')

/** Every target of panels and annotations, but those that are pushed. */
export const dashboardQueries = (dashboard: Dashboard, values: Values, range: TimeRange): DashboardQuery[] =>
  [...targetsOf(dashboard)]
    .filter(({ target }) => !isLive(target))
    .map(({ where, target, timeFrom }) => {
      const own = timeFrom === undefined ? range : { from: range.to - durationMs(timeFrom), to: range.to }
      return {
        name: `${dashboard.title} / ${interpolate(where, values, own)} ${target.refId}`,
        datasource: target.datasource.uid,
        request: requestOf([filled(target, values, own)], own),
      }
    })

const requestOf = (queries: readonly Target[], { from, to }: TimeRange): GrafanaRequest => ({
  from: String(from),
  to: String(to),
  queries,
})

/** Texts get their values; the macros that a back end knows stay for it. */
const filled = (target: Target, values: Values, range: TimeRange): Target => ({
  ...PANEL,
  ...(Object.fromEntries(
    Object.entries(target).map(([field, value]) => [
      field,
      typeof value === 'string' ? interpolate(value, values, range) : value,
    ]),
  ) as Target),
})

/** The CQL of a request, null for another data source. */
export function cqlOf({ queries }: GrafanaRequest): string | null {
  const [query] = queries
  return query?.datasource.type === CASSANDRA_PLUGIN ? String(query['target']) : null
}
