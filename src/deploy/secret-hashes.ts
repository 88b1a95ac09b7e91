/** Programs read credentials when they start: others make new pods, and let a Job that sets them up run again. */
import { createHmac } from 'node:crypto'

import type { Cluster } from './cluster.ts'
import { at, textAt } from './fields.ts'
import type { KubeObject } from './object.ts'
import { isWorkload, referencesOf, type Workload } from './pod.ts'

const SECRETS_HASH = 'stockpipe.dev/secrets-hash'

/**
 * The id of Kafka's cluster, from the Secret of the render or from the user's own: it is there before all others, and
 * never changes. Without it nobody can try which password gives a hash. Empty where it is not there yet.
 */
export async function pepperOf(objects: readonly KubeObject[], cluster: Cluster): Promise<string> {
  const kafka = objects
    .filter(isWorkload)
    .find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'kafka')
  const [name] = kafka === undefined ? [] : referencesOf(kafka.spec.template, 'Secret')
  if (name === undefined) return ''
  const namespace = kafka?.metadata.namespace ?? null
  const own = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === name)
  return textAt(own ?? (await cluster.get({ apiVersion: 'v1', kind: 'Secret', name, namespace })), 'data', 'cluster-id')
}

/** The same objects; what reads Secrets that are among them carries a hash of what is in those. */
export function withSecretHashes(objects: readonly KubeObject[], pepper: string): KubeObject[] {
  const contents = new Map(
    objects.filter(({ kind }) => kind === 'Secret').map(({ metadata, ...rest }) => [metadata.name, rest['data']]),
  )
  const hash = (names: readonly string[]) =>
    createHmac('sha256', pepper)
      .update(JSON.stringify(names.map((name) => [name, contents.get(name)])))
      .digest('hex')
      .slice(0, 10)
  return objects.map((object) => {
    if (pepper === '' || !isWorkload(object) || at(object, 'spec', 'template') === undefined) return object
    const names = referencesOf(object.spec.template, 'Secret').filter((name) => contents.has(name))
    return names.length === 0 ? object : annotated(object, hash(names.toSorted()))
  })
}

/** The template of a Job is for ever. */
function annotated(workload: Workload, value: string): Workload {
  const { metadata, spec } = workload
  const own = { [SECRETS_HASH]: value }
  if (workload.kind === 'Job')
    return { ...workload, metadata: { ...metadata, annotations: { ...metadata.annotations, ...own } } }
  const { template } = spec
  const annotations = { ...template.metadata.annotations, ...own }
  return { ...workload, spec: { ...spec, template: { ...template, metadata: { ...template.metadata, annotations } } } }
}

/** Whether a Job was done with other credentials than these. */
export const hasOtherSecrets = (wanted: KubeObject, live: KubeObject): boolean =>
  wanted.kind === 'Job' && hashOf(wanted) !== hashOf(live)

const hashOf = ({ metadata }: KubeObject): string | undefined => metadata.annotations?.[SECRETS_HASH]
