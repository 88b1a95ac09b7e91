/** What is left of the objects when what nobody wants is gone. */
import { secretNames } from './pods.ts'
import { asksPrometheus } from './grafana.ts'
import type { KubeObject } from '../object.ts'
import { isWorkload } from '../pod.ts'
import type { Values } from '../values.ts'

export function left(objects: readonly KubeObject[], values: Values): KubeObject[] {
  const replaced = secretNames(values)
  const unwanted: ((object: KubeObject) => boolean)[] = [
    ({ kind, metadata }) => kind === 'Secret' && replaced.has(metadata.name),
    ({ kind }) => kind === 'NetworkPolicy' && !values.networkPolicies,
    (object) => values.ui === 'none' && isOf(object, 'kafka-ui'),
    (object) => !values.grafana.enabled && isOf(object, 'grafana'),
    ({ metadata }) => !asksPrometheus(values) && metadata.name === 'grafana-to-prometheus',
    ({ kind }) => kind === 'TriggerAuthentication' && values.api.tokenSecret === undefined,
    (object) => object.kind === 'PodDisruptionBudget' && leastPods(objects, object.metadata.name) < 2,
  ]
  return objects.filter((object) => !unwanted.some((is) => is(object)))
}

const isOf = ({ metadata }: KubeObject, name: string): boolean =>
  metadata.labels?.['app.kubernetes.io/name'] === name || metadata.name === name

/** A budget over a single pod would stop every drain for ever. */
function leastPods(objects: readonly KubeObject[], name: string): number {
  const named = objects.filter(({ metadata }) => metadata.name === name)
  const scaler = named.find(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
  if (scaler !== undefined) {
    const { minReplicas, minReplicaCount } = scaler['spec'] as { minReplicas?: number; minReplicaCount?: number }
    return minReplicas ?? minReplicaCount ?? 1
  }
  return named.find(isWorkload)?.spec.replicas ?? 1
}
