/** The alerts as Grafana reads them from a folder, and as Prometheus does. */
import { type Alert, ALERTS, runbookOf } from './alerts.ts'
import { anchorOf, runbook } from './runbook.ts'
import { PROMETHEUS } from './sources.ts'

const EVERY = '30s'
const FOLDER = 'stockpipe'
/** How far back Grafana lets the expression look; an instant query takes its ranges from its own text. */
const LOOK_BACK_S = 600

const steps = runbook()

const annotations = (alert: Alert) => ({
  summary: alert.summary,
  description: steps.get(anchorOf(alert.title)) ?? '',
  runbook_url: runbookOf(alert),
})
const labels = ({ severity }: Alert) => ({ severity, service: 'stockpipe' })

export const grafanaAlerts = () => ({
  apiVersion: 1,
  groups: [{ orgId: 1, name: 'stockpipe', folder: FOLDER, interval: EVERY, rules: ALERTS.map(grafanaRule) }],
})

const grafanaRule = (alert: Alert) => ({
  uid: alert.uid,
  title: alert.title,
  condition: 'B',
  data: [
    {
      refId: 'A',
      relativeTimeRange: { from: LOOK_BACK_S, to: 0 },
      datasourceUid: PROMETHEUS.uid,
      model: { refId: 'A', expr: alert.expr, instant: true, range: false },
    },
    {
      refId: 'B',
      datasourceUid: '__expr__',
      model: {
        refId: 'B',
        type: 'threshold',
        expression: 'A',
        conditions: [{ evaluator: { type: 'gt', params: [alert.above] } }],
      },
    },
  ],
  for: alert.for,
  noDataState: 'NoData',
  execErrState: 'Error',
  annotations: annotations(alert),
  labels: labels(alert),
})

export const prometheusRules = (alerts: readonly Alert[] = ALERTS, interval = EVERY) => ({
  groups: [{ name: 'stockpipe', interval, rules: alerts.map(prometheusRule) }],
})

/** The same for the Prometheus Operator, as the manifests have it. */
export const operatorRules = () => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: {
    name: 'stockpipe',
    namespace: 'pipeline',
    labels: {
      'app.kubernetes.io/name': 'stockpipe',
      'app.kubernetes.io/component': 'monitoring',
      'app.kubernetes.io/part-of': 'stockpipe',
    },
  },
  spec: prometheusRules(),
})

const prometheusRule = (alert: Alert) => ({
  alert: nameOf(alert.title),
  expr: `(${alert.expr}) > ${alert.above}`,
  for: alert.for,
  annotations: annotations(alert),
  labels: labels(alert),
})

/** Prometheus' alerts are named like variables: `FeedIsSilent`. */
export const nameOf = (title: string): string =>
  title
    .split(/[ -]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
