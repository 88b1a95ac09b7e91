/** The rules of Grafana. */
import { asApiTarget } from './api-rules.ts'
import { isRounded } from './digits.ts'
import type { Rule } from './lint.ts'
import { metricProblem } from './metrics.ts'
import { parseSelect } from './statement.ts'
import {
  API_PLUGIN,
  CASSANDRA_PLUGIN,
  type Dashboard,
  isLive,
  type Panel,
  type Target,
  targetsOf,
} from '../../src/deploy/grafana/dashboard.ts'
import { FASTEST } from '../src/panels.ts'

const MOST_FAST_PANELS = 8
const MINIMUM_MS = 500

/** Grafana would take whichever is its default. */
const NO_SOURCE = { type: '', uid: 'none' }

/** `500ms`, `5s`, `1m`; null for what is none. */
function refreshMs(words: unknown): number | null {
  const [, count, unit] = (typeof words === 'string' ? /^(\d+)(ms|s|m)$/.exec(words) : null) ?? []
  if (count === undefined) return null
  return Number(count) * (unit === 'ms' ? 1 : unit === 's' ? 1000 : 60_000)
}

/** Of the columns that a target brings. */
const namesOf = (target: Target): string[] =>
  target.datasource.type === API_PLUGIN
    ? asApiTarget(target).columns.map(({ selector }) => selector)
    : isLive(target)
      ? ((target['filter'] as { fields?: string[] } | undefined)?.fields ?? [])
      : (parseSelect(String(target['target']))?.columns.map(({ name }) => name) ?? [])

type Place = Panel['gridPos']

const overlaps = (a: Place, b: Place): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

export const DASHBOARD_RULES: Readonly<Record<string, Rule<Dashboard>>> = {
  *refresh({ refresh, timepicker }) {
    const listed = timepicker?.refresh_intervals ?? []
    if (!listed.includes(refresh))
      yield { where: 'refresh', what: `${refresh} is not in the list: no timer would start` }
    for (const one of [refresh, ...listed])
      if ((refreshMs(one) ?? 0) < MINIMUM_MS)
        yield { where: 'refresh', what: `${one} is below GF_DASHBOARDS_MIN_REFRESH_INTERVAL=${FASTEST}` }
  },

  *uids({ uid, panels }, { dashboards }) {
    if (dashboards.filter((other) => other.uid === uid).length > 1)
      yield { where: 'uid', what: `${uid} is not the only one` }
    const ids = panels.map(({ id }) => id)
    if (new Set(ids).size < ids.length) yield { where: 'panels', what: 'two have the same id' }
  },

  *layout({ panels }) {
    for (const [index, { title, gridPos: one }] of panels.entries()) {
      if (one.x + one.w > 24) yield { where: title, what: 'is wider than the page' }
      const under = panels.slice(index + 1).find(({ gridPos: other }) => overlaps(one, other))
      if (under !== undefined) yield { where: title, what: `lies over ${under.title}` }
    }
  },

  *sources(dashboard, { sources }) {
    const named = [...targetsOf(dashboard)].map(({ where, target }) => ({ where, datasource: target.datasource }))
    for (const { name, type, datasource } of dashboard.templating.list)
      if (type === 'query') named.push({ where: `variable ${name}`, datasource: datasource ?? NO_SOURCE })
    for (const { name, datasource } of dashboard.annotations?.list ?? [])
      named.push({ where: `annotation ${name}`, datasource: datasource ?? NO_SOURCE })
    for (const { where, datasource } of named)
      if (datasource?.uid !== 'grafana' && sources.get(datasource?.uid ?? '') !== datasource?.type)
        yield { where, what: `there is no data source ${datasource?.uid} of type ${datasource?.type}` }
  },

  *'query-type'(dashboard) {
    for (const { where, target } of targetsOf(dashboard)) {
      const wanted = isLive(target) ? 'measurements' : target.datasource.type === CASSANDRA_PLUGIN ? 'query' : undefined
      if (wanted !== undefined && target['queryType'] !== wanted) yield { where, what: `queryType must be ${wanted}` }
    }
  },

  // The plugin looks at the first target of a panel only, to see in which mode all are.
  *'one-mode'({ panels }) {
    for (const { title, targets = [] } of panels) {
      const modes = targets.map(({ datasource, rawQuery }) => `${datasource.uid} ${String(rawQuery)}`)
      if (new Set(modes).size > 1) yield { where: title, what: 'mixes data sources or modes' }
      const refs = targets.map(({ refId }) => refId)
      if (new Set(refs).size < refs.length) yield { where: title, what: 'two targets have the same refId' }
    }
    for (const { title, targets = [] } of panels)
      if (targets.some(({ datasource, rawQuery }) => datasource.type === CASSANDRA_PLUGIN && rawQuery !== true))
        yield { where: title, what: 'is not in raw mode' }
  },

  *'fast-panels'({ refresh, panels }) {
    const asking = panels.filter(({ targets = [] }) =>
      targets.some(({ datasource }) => datasource.type === CASSANDRA_PLUGIN),
    )
    if ((refreshMs(refresh) ?? 0) < 1000 && asking.length > MOST_FAST_PANELS)
      yield { where: 'panels', what: `more than ${MOST_FAST_PANELS} ask Cassandra at each refresh` }
  },

  // A table would show one target alone, and candles would be joined.
  *'one-frame'({ panels }) {
    for (const { title, type, targets = [], transformations = [] } of panels) {
      const isMerged = transformations.some(({ id, filter }) => id === 'merge' && filter === undefined)
      if ((type === 'table' || type === 'candlestick') && targets.length > 1 && !isMerged)
        yield { where: title, what: 'has several targets that are not merged' }
    }
  },

  // The second target gives its newest rows also where the first was cut off: between them some would be missing.
  *'no-hole'({ panels }) {
    for (const { title, targets = [], transformations = [] } of panels) {
      const ids = transformations.map(({ id }) => id)
      if (!ids.includes('merge')) continue
      const limits = targets.map((target) => Number(/ LIMIT (\d+)$/.exec(String(target['target']))?.[1]))
      const kept = transformations.find(({ id }) => id === 'limit')?.options?.['limitField']
      const isCut = ids.indexOf('sortBy') > ids.lastIndexOf('merge') && ids.indexOf('limit') > ids.lastIndexOf('sortBy')
      if (!isCut || limits.some((limit) => limit !== kept))
        yield { where: title, what: `is merged, and not cut off to the newest ${limits[0]}` }
    }
  },

  // Nulls and names are guessed from neighbours.
  *candlestick({ panels }) {
    for (const { title, type, targets = [] } of panels) {
      if (type !== 'candlestick') continue
      const missing = ['open', 'high', 'low', 'close'].filter((name) =>
        targets.some((target) => !namesOf(target).includes(name)),
      )
      if (targets.length === 0 || missing.length > 0) yield { where: title, what: `lacks ${missing.join()}` }
      if (targets.some(({ alias }) => alias !== undefined))
        yield { where: title, what: 'an alias names all four alike' }
    }
  },

  // Without digits asked for, Grafana keeps some three of them.
  *digits({ panels }) {
    for (const { title, type, targets = [], fieldConfig } of panels) {
      if (type !== 'stat' && type !== 'table') continue
      const rounded = targets.flatMap(namesOf).find((name) => isRounded(name, fieldConfig))
      if (rounded !== undefined) yield { where: title, what: `rounds ${rounded}: it needs a unit or decimals` }
    }
  },

  // Rows come newest first: the last one is the oldest.
  *'stat-value'({ panels }) {
    for (const { title, type, targets = [] } of panels)
      for (const target of targets)
        if (
          type === 'stat' &&
          target.datasource.type === CASSANDRA_PLUGIN &&
          parseSelect(String(target['target']))?.limit !== 1
        )
          yield { where: title, what: 'would show the oldest of its rows: LIMIT 1' }
  },

  // As a series it would be a table of its values alone, one series at a time.
  *'table-format'({ panels }) {
    for (const { title, type, targets = [] } of panels)
      if (
        type === 'table' &&
        targets.some(({ datasource, format }) => datasource.type === 'prometheus' && format !== 'table')
      )
        yield { where: title, what: 'shows no labels: format must be table' }
  },

  // Series come in no order: by their place colours would change with every answer.
  *colours({ panels }) {
    for (const { title, type, fieldConfig } of panels)
      if (type === 'timeseries' && fieldConfig?.defaults?.color?.mode !== 'palette-classic-by-name')
        yield { where: title, what: 'has no colours by name' }
  },

  *variables(dashboard) {
    const known = new Set(dashboard.templating.list.map(({ name }) => name))
    const used = JSON.stringify({
      ...dashboard,
      templating: { list: dashboard.templating.list.map(({ query }) => query) },
    })
    for (const [, name = ''] of used.matchAll(/\$\{(\w+)/g))
      if (!name.startsWith('__') && !known.has(name)) yield { where: 'variables', what: `${name} is not defined` }
  },

  *'hard-wired'(dashboard) {
    for (const [found] of JSON.stringify({ ...dashboard, templating: null }).matchAll(/[A-Z]+:[A-Z]{3,}/g))
      yield { where: 'text', what: `${found} belongs into a variable` }
  },

  *metrics(dashboard, { metrics }) {
    for (const { where, target } of targetsOf(dashboard)) {
      const problem = target.datasource.type === 'prometheus' ? metricProblem(String(target['expr']), metrics) : null
      if (problem !== null) yield { where, what: problem }
    }
  },
}
