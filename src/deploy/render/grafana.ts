/** Grafana: its files as ConfigMaps, and whether a Prometheus answers its questions. */
import { mainContainer, objectOf, setVariable, workloadOf } from './find.ts'
import { setResources } from './servers.ts'
import { symbols } from '../../config/symbols.ts'
import { envOf } from '../../config/option.ts'
import { exportedFiles } from '../grafana/export.ts'
import type { KubeObject } from '../object.ts'
import type { Workload } from '../pod.ts'
import type { Values } from '../values.ts'

const PROMETHEUS = 'stockpipe-prometheus'
/** Where its pods listen, whatever the Service in front of them does. */
const OF_PROMETHEUS = 9090

export const asksPrometheus = ({ monitoring }: Values): boolean => monitoring.prometheusUrl !== undefined

const FOLDERS: Readonly<Record<string, string>> = {
  'provisioning/datasources': 'grafana-datasources',
  'provisioning/dashboards': 'grafana-providers',
  'provisioning/alerting': 'grafana-alerting',
}

/** One for each folder of provisioning and for each dashboard: a ConfigMap holds 1 MiB at most. */
export function grafanaConfigs(values: Values): KubeObject[] {
  if (!values.grafana.enabled) return []
  return [...exportedFiles({ source: null, symbols: symbolsOf(values) })].flatMap(([path, text]) => {
    const folder = path.slice(0, path.lastIndexOf('/'))
    const file = path.slice(folder.length + 1)
    const name = FOLDERS[folder] ?? `grafana-dashboard-${file.replace(/\.json$/, '')}`
    const isSource = folder === 'provisioning/datasources'
    // Without Prometheus whatever asks it could only fail.
    if (!isSource && !asksPrometheus(values) && text.includes(PROMETHEUS)) return []
    return [configMap(name, { [file]: text })]
  })
}

/** Those that are followed are those that *Market live* offers; null where none are wished for. */
function symbolsOf({ variables }: Values): readonly string[] | null {
  const list = variables[envOf('symbols')]
  return list === undefined ? null : symbols.parse(list)
}

const configMap = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'pipeline',
    labels: {
      'app.kubernetes.io/name': 'grafana',
      'app.kubernetes.io/component': 'dashboards',
      'app.kubernetes.io/part-of': 'stockpipe',
    },
  },
  data,
})

export function setGrafana(objects: readonly KubeObject[], { grafana, monitoring, variables }: Values): void {
  const workload = workloadOf(objects, 'grafana')
  setResources(workload, grafana.resources)
  const set = (name: string, value: string) => setVariable(mainContainer(workload), { name, value })
  if (grafana.plugins === 'image') withoutFetching(objects, workload)
  const keyspace = variables['STOCKPIPE_CASSANDRA_KEYSPACE']
  if (keyspace !== undefined) set('STOCKPIPE_GRAFANA_CASSANDRA_KEYSPACE', keyspace)
  const { prometheusUrl, namespace } = monitoring
  if (namespace === undefined) return
  set('STOCKPIPE_GRAFANA_PROMETHEUS_URL', prometheusUrl ?? '')
  if (prometheusUrl === undefined) return
  const { port, protocol } = new URL(prometheusUrl)
  const spec = objectOf(objects, 'NetworkPolicy', 'grafana-to-prometheus')['spec'] as PrometheusPolicy
  const asked = Number(port) || (protocol === 'https:' ? 443 : 80)
  for (const rule of spec.egress) {
    for (const { namespaceSelector } of rule.to)
      namespaceSelector.matchLabels = { 'kubernetes.io/metadata.name': namespace }
    // Most networks compare the port of the pod, which is not that of a Service that listens at 80.
    rule.ports = [...new Set([asked, OF_PROMETHEUS])].map((one) => ({ protocol: 'TCP', port: one }))
  }
}

/** Neither the wish, nor the empty folder over that of the image, nor the way into the internet. */
function withoutFetching(objects: readonly KubeObject[], { spec }: Workload): void {
  const pod = spec.template.spec
  for (const container of pod.containers) {
    container.env = (container.env ?? []).filter(({ name }) => name !== 'GF_PLUGINS_PREINSTALL_SYNC')
    container.volumeMounts = (container.volumeMounts ?? []).filter(({ name }) => name !== 'plugins')
  }
  pod.volumes = (pod.volumes ?? []).filter(({ name }) => name !== 'plugins')
  const policy = objectOf(objects, 'NetworkPolicy', 'grafana')['spec'] as { egress: { to: { ipBlock?: unknown }[] }[] }
  policy.egress = policy.egress.filter(({ to }) => to.every(({ ipBlock }) => ipBlock === undefined))
}

interface PrometheusPolicy {
  egress: {
    to: { namespaceSelector: { matchLabels: Record<string, string> } }[]
    ports: { protocol: string; port: number }[]
  }[]
}
