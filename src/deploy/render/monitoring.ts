/** The objects of the Prometheus Operator: which Prometheus takes them. */
import { ofKind } from './find.ts'
import type { KubeObject } from '../object.ts'
import type { Values } from '../values.ts'

export function setMonitoring(objects: readonly KubeObject[], { monitoring }: Values): void {
  for (const { metadata } of [...ofKind(objects, 'ServiceMonitor'), ...ofKind(objects, 'PrometheusRule')])
    metadata.labels = { ...metadata.labels, ...monitoring.labels }
}
