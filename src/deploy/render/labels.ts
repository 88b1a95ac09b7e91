import type { KubeObject } from '../object.ts'
import { isWorkload, type Workload } from '../pod.ts'
import { buildInfo } from '../../version.ts'

const OURS = { 'app.kubernetes.io/instance': 'stockpipe', 'app.kubernetes.io/managed-by': 'stockpipe' }

/** Who they belong to, and which version they are. Selectors and claims stay as they are: neither can be changed later. */
export const labelled = (objects: readonly KubeObject[]): KubeObject[] =>
  objects.map((object) => {
    const labels = { ...object.metadata.labels, ...OURS, ...versionOf(object) }
    const outer = { ...object, metadata: { ...object.metadata, labels } }
    return isWorkload(outer) ? withTemplateLabels(outer) : outer
  })

function withTemplateLabels(workload: Workload): Workload {
  const { template } = workload.spec
  const labels = { ...template.metadata.labels, ...OURS, ...versionOf(workload) }
  return {
    ...workload,
    spec: { ...workload.spec, template: { ...template, metadata: { ...template.metadata, labels } } },
  }
}

/** Of a workload what its image says; a digest alone says nothing. */
function versionOf(object: KubeObject): Record<string, string> {
  const image = isWorkload(object) ? object.spec.template.spec.containers[0]?.image : undefined
  const tag = image === undefined ? buildInfo().version : /:([\w][\w.-]{0,61}[\w]|\w)(@|$)/.exec(image)?.[1]
  return tag === undefined ? {} : { 'app.kubernetes.io/version': tag }
}
