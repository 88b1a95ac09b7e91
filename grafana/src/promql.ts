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

export const quantile = (share: number, metric: string, by?: string): string =>
  `histogram_quantile(${share}, sum by (le${by === undefined ? '' : `, ${by}`}) (rate(stockpipe_${metric}_bucket[$__rate_interval])))`

export const hopQuantile = (share: number, hop: string): string =>
  `histogram_quantile(${share}, sum by (le) (rate(stockpipe_hop_duration_seconds_bucket{hop="${hop}"}[$__rate_interval])))`
