/** The types that Grafana publishes of all that our dashboards have; schema.test.ts makes a JSON schema of them. */
import type * as candlestick from '@grafana/grafana-foundation-sdk/candlestick'
import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
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
