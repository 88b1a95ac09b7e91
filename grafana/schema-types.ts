/** The types that Grafana publishes of all that our dashboards and alerts have; schema.test.ts makes a JSON schema of them. */
import type * as alerting from '@grafana/grafana-foundation-sdk/alerting'
import type * as candlestick from '@grafana/grafana-foundation-sdk/candlestick'
import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import type * as expr from '@grafana/grafana-foundation-sdk/expr'
import type * as heatmap from '@grafana/grafana-foundation-sdk/heatmap'
import type * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import type * as stat from '@grafana/grafana-foundation-sdk/stat'
import type * as table from '@grafana/grafana-foundation-sdk/table'
import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'

export type AnyDashboard = dashboard.Dashboard
export type FieldDefaults = dashboard.FieldConfig
export type PrometheusTarget = prometheus.Dataquery

/** By the type of a panel: its options, and what it adds to the settings of fields. */
export type CandlestickOptions = candlestick.Options
export type CandlestickFields = candlestick.FieldConfig
export type HeatmapOptions = heatmap.Options
export type HeatmapFields = heatmap.FieldConfig
export type StatOptions = stat.Options
export type TableOptions = table.Options
export type TableFields = table.FieldConfig
export type TimeseriesOptions = timeseries.Options
export type TimeseriesFields = timeseries.FieldConfig

/** A file has folder and organisation once a group, where Grafana's API has them in each rule. */
export interface AlertFile {
  apiVersion: 1
  groups: {
    orgId: number
    name: string
    folder: string
    interval: string
    rules: Omit<alerting.Rule, 'folderUID' | 'orgID' | 'ruleGroup'>[]
  }[]
}
export type ThresholdTarget = expr.TypeThreshold
