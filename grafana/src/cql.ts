import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'

import { CASSANDRA } from './sources.ts'

/** A query in the words of the plugin: raw CQL. The keyspace is that of the data source. */
class CqlQuery implements Builder<Dataquery> {
  readonly #refId: string
  readonly #cql: string

  constructor(refId: string, cql: string) {
    this.#refId = refId
    this.#cql = cql
  }

  build(): Dataquery {
    const query = {
      refId: this.#refId,
      datasource: CASSANDRA,
      queryType: 'query',
      rawQuery: true,
      target: this.#cql,
      _implementsDataqueryVariant() {},
    }
    return query
  }
}

/** Lines become one: the plugin takes nothing but `SELECT` and a space at the beginning. */
export const cql = (refId: string, lines: string): Builder<Dataquery> =>
  new CqlQuery(refId, lines.trim().replaceAll(/\s+/g, ' '))

/** All that there are, in the order of their names. */
export const symbolVariable = () =>
  new QueryVariableBuilder('symbol')
    .label('Symbol')
    .datasource(CASSANDRA)
    .query({ query: 'SELECT symbol FROM latest LIMIT 1000' })
    .refresh(VariableRefresh.OnDashboardLoad)
    .sort(VariableSort.AlphabeticalAsc)

export const intervalVariable = (intervals: readonly string[], chosen: string) =>
  new CustomVariableBuilder('interval')
    .label('Candle')
    .values(intervals.join())
    .current({ text: chosen, value: chosen, selected: true })

/**
 * The newest partition of a table that begins before the end of the time range, and the one before it, in which the
 * range may begin. One alone each: the plugin reads in pages, and Cassandra refuses pages of several partitions in an
 * order. They are named in UTC, and Grafana writes times in UTC only in full (`date:iso`; every other format is in the
 * browser's zone), so the names come from the table that lists them. Hidden; always all of what is found. `kind` is CQL:
 * a literal, or a variable.
 */
export const partitionVariables = (name: string, kind: string) => [
  hiddenItem({ name, kind, bound: "item <= '${__to:date:iso}'" }),
  // As a text, because it may be none: nothing is less than an empty one. Grafana asks it after the one that it names.
  hiddenItem({ name: earlier(name), kind, bound: `item < '\${${name}:csv}'` }),
]

const earlier = (name: string): string => `earlier_${name}`

const hiddenItem = ({ name, kind, bound }: { name: string; kind: string; bound: string }) =>
  new QueryVariableBuilder(name)
    .hide(VariableHide.HideVariable)
    .datasource(CASSANDRA)
    .query({
      query: `SELECT item FROM contents WHERE kind = ${kind} AND symbol = \${symbol:sqlstring} AND ${bound} ORDER BY item DESC LIMIT 1`,
    })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .current({ text: ['All'], value: ['$__all'], selected: true })

/** The same question to the newest partition and to the one before. */
export const ofBoth = (
  name: string,
  [newest, before]: readonly [string, string],
  lines: string,
): [Builder<Dataquery>, Builder<Dataquery>] => [
  cql(newest, lines),
  cql(before, lines.replaceAll(inPartitions(name), inPartitions(earlier(name)))),
]

export const inPartitions = (name: string): string => `IN (\${${name}:sqlstring})`

/** Needs the variables `symbol` and `gap_days`. Begun before the time range they still reach into it. */
export const gapsAnnotations = () => {
  const [newest, before] = ofBoth(
    'gap_days',
    ['Gaps', 'Gaps before'],
    `SELECT symbol AS tags, cause AS title, from_ts AS time, to_ts AS "timeEnd", detail AS text FROM gaps
     WHERE symbol = \${symbol:sqlstring} AND day ${inPartitions('gap_days')} AND from_ts <= $__timeTo
     ORDER BY from_ts DESC LIMIT 50`,
  )
  return [annotation('Gaps', newest), annotation('Gaps of the day before', before)]
}

const annotation = (name: string, target: Builder<Dataquery>) =>
  new AnnotationQueryBuilder().name(name).datasource(CASSANDRA).enable(true).iconColor('red').target(target)
