/** The rules of the Cassandra plugin 3.3.0, and of tables whose reads must stay small. */
import type { Rule } from './lint.ts'
import { parseSelect } from './statement.ts'
import { CASSANDRA_PLUGIN, type Dashboard, targetsOf, type Variable } from '../../src/deploy/grafana/dashboard.ts'

const NUMBERS = new Set(['int', 'bigint', 'smallint', 'float', 'double'])
/** Of others the plugin makes text, or fails. */
const READABLE = new Set([...NUMBERS, 'text', 'boolean', 'timestamp', 'uuid', 'inet', 'blob'])
const MOST_ROWS = 1000

/** How a variable asks for the partition before another one's. */
const BEFORE = /< '\$\{(\w+):csv\}'/
const MACROS = new Set(['__timeFrom', '__timeTo', '__unixEpochFrom', '__unixEpochTo'])

interface Query {
  where: string
  /** Whose rows come together. */
  place: string
  cql: string
  kind: 'panel' | 'annotation' | 'variable'
  variable?: string
}

const isOurs = ({ type, datasource }: Variable): boolean => type === 'query' && datasource?.type === CASSANDRA_PLUGIN

function* queriesOf(dashboard: Dashboard): Generator<Query> {
  const annotations = new Set((dashboard.annotations?.list ?? []).map(({ target }) => target))
  for (const { where, target } of targetsOf(dashboard)) {
    const kind = annotations.has(target) ? 'annotation' : 'panel'
    const place = kind === 'panel' ? where : kind
    if (target.datasource.type === CASSANDRA_PLUGIN) yield { where, place, cql: String(target['target']), kind }
  }
  for (const variable of dashboard.templating.list.filter(isOurs)) {
    const { name, query } = variable
    const cql = typeof query === 'object' ? (query.query ?? '') : ''
    yield { where: `variable ${name}`, place: 'variable', cql, kind: 'variable', variable: name }
  }
}

/** Whether it may have no value, or more than one. */
const isList = ({ multi, includeAll }: Variable): boolean => multi === true || includeAll === true

/** A list that cannot hold several: one literal, or a variable of one row. */
function isOneItem({ templating }: Dashboard, list: string): boolean {
  const [, name] = /^\$\{(\w+):sqlstring\}$/.exec(list) ?? []
  if (name === undefined) return !list.includes(',')
  const variable = templating.list.find((one) => one.name === name)
  if (variable === undefined || !isOurs(variable)) return variable === undefined || !isList(variable)
  return typeof variable.query === 'object' && parseSelect(variable.query.query ?? '')?.limit === 1
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

  // By these names Grafana finds them; others it shows without a place, or without words.
  'annotation-fields': eachQuery(({ cql, kind }) => {
    const names = parseSelect(cql)?.columns.map(({ name }) => name)
    if (kind !== 'annotation' || names === undefined) return null
    const missing = ['time', 'text'].filter((name) => !names.includes(name))
    return missing.length === 0 ? null : `has no column named ${missing.join(' and ')}`
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

  // `sqlstring` alone doubles quotes as CQL wants it; dates but `iso` are in the browser's zone. The name of a partition
  // may be none, which only a text can be.
  formats: eachQuery(({ cql }) => {
    const bad = [...cql.replace(BEFORE, '').matchAll(/\$\{(\w+)(?::([^}]+))?\}/g)].find(([, name = '', format = '']) =>
      name.startsWith('__') ? format !== 'date:iso' : format !== 'sqlstring',
    )
    return bad === undefined ? null : `${bad[0]} must be :sqlstring, or :date:iso for times`
  }),

  // Without a value nothing follows the `=`, which is no CQL; several are separated by commas.
  'one-value': (dashboard) =>
    [...queriesOf(dashboard)].flatMap(({ where, cql }) => {
      const lists = new Set(dashboard.templating.list.filter(isList).map(({ name }) => name))
      const found = [...cql.matchAll(/\w+ (?:=|[<>]=?) \$\{(\w+):sqlstring\}/g)].find(([, name = '']) =>
        lists.has(name),
      )
      return found === undefined ? [] : [{ where, what: `${found[0]} may have no value or several: IN (...)` }]
    }),

  // Plain replacement of text, without parentheses; whatever else begins with a $ reaches Cassandra.
  macros: eachQuery(({ cql }) => {
    const bad = [...cql.matchAll(/\$(\w+)(\()?/g)].find(
      ([, name = '', opens]) => !MACROS.has(name) || opens !== undefined,
    )
    return bad === undefined ? null : `${bad[0]} is no macro of the plugin`
  }),

  // Under another key the list stays empty without a word; the plugin gives it in no order.
  variable: (dashboard) =>
    dashboard.templating.list.filter(isOurs).flatMap(({ name, query, sort }) => {
      const where = `variable ${name}`
      const keys = typeof query === 'object' ? Object.keys(query) : []
      if (keys.join() !== 'query') return [{ where, what: 'must have its CQL under the key query alone' }]
      return (sort ?? 0) > 0 ? [] : [{ where, what: 'has no order' }]
    }),

  // Cassandra gives pages of several partitions in no order, and the plugin asks for pages.
  'one-partition': (dashboard) =>
    [...queriesOf(dashboard)].flatMap(({ where, cql }) => {
      if (!cql.includes(' ORDER BY ')) return []
      const several = [...cql.matchAll(/ IN \(([^)]*)\)/g)].find(([, list = '']) => !isOneItem(dashboard, list))
      return several === undefined ? [] : [{ where, what: `${several[1]} may be several partitions` }]
    }),

  // A range may begin in the partition before the newest: whoever asks one must ask the other.
  'partition-before': (dashboard) => {
    const pairs = [...queriesOf(dashboard)].flatMap(({ variable, cql }) => {
      const [, newest] = BEFORE.exec(cql) ?? []
      return variable === undefined || newest === undefined ? [] : [{ newest, before: variable }]
    })
    const known = new Set([...queriesOf(dashboard)].map(({ place, cql }) => `${place} ${cql}`))
    return [...queriesOf(dashboard)].flatMap(({ where, place, cql }) => {
      const [, name] = / IN \(\$\{(\w+):sqlstring\}\)/.exec(cql) ?? []
      if (name === undefined || pairs.some(({ before }) => before === name)) return []
      const before = pairs.find(({ newest }) => newest === name)?.before
      const twin = cql.replaceAll(`\${${name}:`, `\${${String(before)}:`)
      return known.has(`${place} ${twin}`) ? [] : [{ where, what: 'does not ask the partition before' }]
    })
  },
}
