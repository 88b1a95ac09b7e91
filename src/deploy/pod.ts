/** The parts of a pod that deploy reads or sets. */
import type { KubeObject } from './object.ts'

export interface KeyRef {
  name: string
  key: string
  optional?: boolean
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: { secretKeyRef?: KeyRef; configMapKeyRef?: KeyRef; fieldRef?: { fieldPath: string } }
}

export interface Resources {
  requests?: Record<string, string>
  limits?: Record<string, string>
}

export interface Probe {
  httpGet?: { path: string; port: string | number }
  tcpSocket?: { port: string | number }
  [field: string]: unknown
}

export interface Container {
  name: string
  image: string
  imagePullPolicy?: string
  command?: string[]
  args?: string[]
  ports?: { name?: string; containerPort: number; protocol?: string }[]
  env?: EnvVar[]
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[]
  resources?: Resources
  securityContext?: Record<string, unknown>
  volumeMounts?: { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[]
  startupProbe?: Probe
  readinessProbe?: Probe
  livenessProbe?: Probe
  lifecycle?: Record<string, unknown>
}

interface Projection {
  configMap?: { name: string; optional?: boolean }
  secret?: { name: string; optional?: boolean }
}

export interface Volume {
  name: string
  secret?: { secretName: string; optional?: boolean }
  configMap?: { name: string; optional?: boolean }
  persistentVolumeClaim?: { claimName: string }
  emptyDir?: { sizeLimit?: string; medium?: string }
  projected?: { sources: Projection[] }
  [kind: string]: unknown
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  volumes?: Volume[]
  serviceAccountName?: string
  securityContext?: Record<string, unknown>
  imagePullSecrets?: { name: string }[]
  topologySpreadConstraints?: Record<string, unknown>[]
  [field: string]: unknown
}

export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> }
  spec: PodSpec
}

export interface ClaimTemplate {
  metadata: { name: string; labels?: Record<string, string> }
  spec: { storageClassName?: string; resources: { requests: { storage: string } }; [field: string]: unknown }
}

interface WorkloadSpec {
  replicas?: number
  selector?: { matchLabels: Record<string, string> }
  template: PodTemplate
  volumeClaimTemplates?: ClaimTemplate[]
  [field: string]: unknown
}
export type Workload = KubeObject & { spec: WorkloadSpec }

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'Job'])
export const isWorkload = (object: KubeObject): object is Workload => WORKLOADS.has(object.kind)

export const containersOf = ({ spec }: PodTemplate): Container[] => [...(spec.initContainers ?? []), ...spec.containers]

/** Names of the ConfigMaps or Secrets whose content a pod gets, by variable or by file. */
export function referencesOf({ spec }: Pick<PodTemplate, 'spec'>, kind: 'ConfigMap' | 'Secret'): string[] {
  const ofConfig = kind === 'ConfigMap'
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const variables = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...envFrom.map((from) => (ofConfig ? from.configMapRef : from.secretRef)?.name),
    ...env.map(({ valueFrom }) => (ofConfig ? valueFrom?.configMapKeyRef : valueFrom?.secretKeyRef)?.name),
  ])
  const files = (spec.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
    ofConfig ? configMap?.name : secret?.secretName,
    ...(projected?.sources ?? []).map((source) => (ofConfig ? source.configMap : source.secret)?.name),
  ])
  return [...new Set([...variables, ...files])].filter((name) => name !== undefined)
}
