import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { type Dataquery, DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'

import { PROMETHEUS } from './sources.ts'

/** `legend` as Prometheus' own: {{label}}. */
export const promql = (refId: string, expr: string, legend: string): Builder<Dataquery> =>
  new DataqueryBuilder().datasource(PROMETHEUS).refId(refId).expr(expr).legendFormat(legend).range()

/** The value of now. */
export const promqlNow = (refId: string, expr: string, legend: string): Builder<Dataquery> =>
  new DataqueryBuilder().datasource(PROMETHEUS).refId(refId).expr(expr).legendFormat(legend).instant()

/** The value of now, and each label as a column. */
export const promqlTable = (refId: string, expr: string): Builder<Dataquery> =>
  new DataqueryBuilder().datasource(PROMETHEUS).refId(refId).expr(expr).format(PromQueryFormat.Table).instant()

export const promqlBuckets = (refId: string, expr: string): Builder<Dataquery> =>
  new DataqueryBuilder()
    .datasource(PROMETHEUS)
    .refId(refId)
    .expr(expr)
    .legendFormat('{{le}}')
    .format(PromQueryFormat.Heatmap)
    .range()

/** Per second. */
export const rate = (metric: string, by: string): string =>
  `sum by (${by}) (rate(stockpipe_${metric}[$__rate_interval]))`

/** `of` is a matcher of labels, `by` a label to tell apart. */
export function quantile(share: number, metric: string, { of, by }: { of?: string; by?: string } = {}): string {
  const [matched, labels] = [of === undefined ? '' : `{${of}}`, by === undefined ? 'le' : `le, ${by}`]
  return `histogram_quantile(${share}, sum by (${labels}) (rate(stockpipe_${metric}_bucket${matched}[$__rate_interval])))`
}
