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

/** Of a workload what its image says: the tag, or else the beginning of the digest. */
function versionOf(object: KubeObject): Record<string, string> {
  const image = isWorkload(object) ? object.spec.template.spec.containers[0]?.image : undefined
  if (image === undefined) return { 'app.kubernetes.io/version': buildInfo().version }
  const tag = /:([\w][\w.-]{0,61}[\w]|\w)(@|$)/.exec(image.replace(/@sha256:.*$/, ''))?.[1]
  return { 'app.kubernetes.io/version': tag ?? /@sha256:(.{12})/.exec(image)?.[1] ?? 'unknown' }
}
