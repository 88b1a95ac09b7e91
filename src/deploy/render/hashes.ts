/** Hashes that make a change of settings a change of pods, and a change of a job another job. */
import { createHash } from 'node:crypto'

import type { KubeObject } from '../object.ts'
import { isWorkload, referencesOf, type Workload } from '../pod.ts'

export const CONFIG_HASH = 'stockpipe.dev/config-hash'

export function stamped(objects: readonly KubeObject[]): KubeObject[] {
  const configs = new Map(
    objects.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata, ...rest }) => [metadata.name, rest['data']]),
  )
  return objects.map((object) => {
    if (!isWorkload(object)) return object
    const read = referencesOf(object.spec.template, 'ConfigMap').toSorted()
    const stampedObject = withHash(object, hash(read.map((name) => [name, configs.get(name) ?? null])))
    return object.kind === 'Job' ? withOwnName(stampedObject) : stampedObject
  })
}

function withHash(workload: Workload, value: string): Workload {
  const { template } = workload.spec
  const annotations = { ...template.metadata.annotations, [CONFIG_HASH]: value }
  return {
    ...workload,
    spec: { ...workload.spec, template: { ...template, metadata: { ...template.metadata, annotations } } },
  }
}

/** The template of a job is for ever. */
const withOwnName = (job: Workload): Workload => ({
  ...job,
  metadata: { ...job.metadata, name: `${job.metadata.name}-${hash(job.spec)}` },
})

/** Ten digits tell a few hundred versions apart. */
const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10)
