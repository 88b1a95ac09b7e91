/** The rules of the Cassandra plugin 3.3.0, and of tables whose reads must stay small. */
import type { Rule } from './lint.ts'
import { parseSelect } from './statement.ts'
import { CASSANDRA_PLUGIN, type Dashboard, targetsOf } from '../../src/deploy/grafana/dashboard.ts'

const NUMBERS = new Set(['int', 'bigint', 'smallint', 'float', 'double'])
/** Of others the plugin makes text, or fails. */
const READABLE = new Set([...NUMBERS, 'text', 'boolean', 'timestamp', 'uuid', 'inet', 'blob'])
const MOST_ROWS = 1000

interface Query {
  where: string
  cql: string
  kind: 'panel' | 'annotation' | 'variable'
}

function* queriesOf(dashboard: Dashboard): Generator<Query> {
  const annotations = new Set((dashboard.annotations?.list ?? []).map(({ target }) => target))
  for (const { where, target } of targetsOf(dashboard))
    if (target.datasource.type === CASSANDRA_PLUGIN)
      yield { where, cql: String(target['target']), kind: annotations.has(target) ? 'annotation' : 'panel' }
  for (const { name, type, datasource, query } of dashboard.templating.list)
    if (type === 'query' && datasource?.type === CASSANDRA_PLUGIN)
      yield { where: `variable ${name}`, cql: typeof query === 'object' ? query.query : '', kind: 'variable' }
}

/** A rule of one query; what cannot be read is the affair of the rule `select`. */
const eachQuery =
  (judge: (query: Query, around: Parameters<Rule<Dashboard>>[1]) => string | null): Rule<Dashboard> =>
  (dashboard, around) =>
    [...queriesOf(dashboard)].flatMap((query) => {
      const what = judge(query, around)
      return what === null ? [] : [{ where: query.where, what }]
    })

export const CQL_RULES: Readonly<Record<string, Rule<Dashboard>>> = {
  select: eachQuery(({ cql }) =>
    !cql.startsWith('SELECT ')
      ? 'must begin with SELECT and a space'
      : parseSelect(cql) === null
        ? `cannot be read: ${cql}`
        : null,
  ),

  'no-filtering': eachQuery(({ cql }) => (/ALLOW FILTERING/i.test(cql) ? 'reads the whole table' : null)),

  types: eachQuery(({ cql }, { tables }) => {
    const statement = parseSelect(cql)
    const types = tables.get(statement?.table ?? '')?.types
    if (statement === null) return null
    if (types === undefined) return `there is no table ${statement.table}`
    const bad = statement.columns.find(({ column }) => !READABLE.has(types.get(column) ?? ''))
    return bad === undefined ? null : `${bad.column} is ${types.get(bad.column) ?? 'no column'}`
  }),

  // It names a series: one for each of its values.
  'first-column': eachQuery(({ cql, kind }, { tables }) => {
    const statement = parseSelect(cql)
    const [first] = statement?.columns ?? []
    if (statement === null || first === undefined) return null
    if (tables.get(statement.table)?.types.get(first.column) !== 'text') return `${first.column} is no text`
    return kind !== 'variable' && !statement.equal.has(first.column)
      ? `${first.column} may have any number of values`
      : null
  }),

  // A panel needs a time and a number, an annotation a time.
  shape: eachQuery(({ cql, kind }, { tables }) => {
    const statement = parseSelect(cql)
    const types = statement?.columns.map(({ column }) => tables.get(statement.table)?.types.get(column) ?? '') ?? []
    if (statement === null || kind === 'variable') return null
    if (!types.includes('timestamp')) return 'has no time'
    return kind === 'panel' && !types.some((type) => NUMBERS.has(type)) ? 'has no number' : null
  }),

  bounded: eachQuery(({ cql }) => {
    const limit = parseSelect(cql)?.limit
    if (limit === undefined) return null
    return limit === null || limit > MOST_ROWS ? `needs a LIMIT of at most ${MOST_ROWS}` : null
  }),

  // All of the partition key, or it reads every node; `latest` as a whole has one row per symbol.
  partition: eachQuery(({ cql, kind }, { tables }) => {
    const statement = parseSelect(cql)
    if (statement === null || (kind === 'variable' && statement.table === 'latest')) return null
    const missing = (tables.get(statement.table)?.partitionKey ?? []).filter(
      (column) => !statement.equal.has(column) && !statement.among.has(column),
    )
    return missing.length === 0 ? null : `does not say which ${missing.join(' and ')}`
  }),

  // Several rows in the order of time end with the oldest ones; a limit would keep them.
  'newest-first': eachQuery(({ cql, kind }) => {
    const statement = parseSelect(cql)
    if (statement === null || kind === 'variable' || statement.limit === null || statement.limit === 1) return null
    return statement.newestFirst ? null : 'a LIMIT without ORDER BY ... DESC keeps the oldest rows'
  }),

  symbol: eachQuery(({ cql }) => (/symbol (?:=|IN) *\(?'/.test(cql) ? 'names a symbol instead of ${symbol}' : null)),

  // `sqlstring` alone doubles quotes as CQL wants it; dates but `iso` are in the browser's zone.
  formats: eachQuery(({ cql }) => {
    const bad = [...cql.matchAll(/\$\{(\w+)(?::([^}]+))?\}/g)].find(([, name = '', format = '']) =>
      name.startsWith('__') ? format !== 'date:iso' : format !== 'sqlstring',
    )
    return bad === undefined ? null : `${bad[0]} must be :sqlstring, or :date:iso for times`
  }),
}
