/** Pods read their Secrets when they start: a hash in the pod template makes a changed Secret a change of the pods. */
import { createHmac } from 'node:crypto'

import type { Cluster } from './cluster.ts'
import type { KubeObject } from './object.ts'
import { isWorkload, referencesOf, type Workload } from './pod.ts'

export const SECRETS_HASH = 'stockpipe.dev/secrets-hash'

/** Never changes, and is never seen: without it a hash could be tried against guesses of a short secret. */
const SALT = { secret: 'cassandra-superuser', key: 'password' } as const

type Data = Readonly<Record<string, string>>

/** `objects` with their Secrets filled. Those that are not among them are read from the cluster. Jobs end: they need none. */
export async function withSecretHashes(objects: readonly KubeObject[], cluster: Cluster): Promise<KubeObject[]> {
  const known = new Map<string, Data>(
    objects.filter(({ kind }) => kind === 'Secret').map(({ metadata, ...rest }) => [metadata.name, dataOf(rest)]),
  )
  const salt = known.get(SALT.secret)?.[SALT.key]
  if (salt === undefined) return [...objects]
  const pods = objects.filter(isWorkload).filter(({ kind }) => kind !== 'Job')
  const names = new Set(pods.flatMap(({ spec }) => referencesOf(spec.template, 'Secret')))
  const namespace = pods[0]?.metadata.namespace ?? null
  for (const name of names) {
    if (known.has(name)) continue
    const live = await cluster.get({ apiVersion: 'v1', kind: 'Secret', name, namespace })
    known.set(name, live === null ? {} : dataOf(live))
  }
  return objects.map((object) =>
    isWorkload(object) && object.kind !== 'Job' ? stamped(object, { known, salt }) : object,
  )
}

const dataOf = (object: object): Data => ('data' in object ? ((object.data ?? {}) as Data) : {})

function stamped(workload: Workload, { known, salt }: { known: ReadonlyMap<string, Data>; salt: string }): KubeObject {
  const read = referencesOf(workload.spec.template, 'Secret').toSorted()
  if (read.length === 0) return workload
  const contents = read.map((name) => [name, Object.entries(known.get(name) ?? {}).toSorted()])
  const hash = createHmac('sha256', salt).update(JSON.stringify(contents)).digest('hex').slice(0, 10)
  const { template } = workload.spec
  const annotations = { ...template.metadata.annotations, [SECRETS_HASH]: hash }
  const metadata = { ...template.metadata, annotations }
  return { ...workload, spec: { ...workload.spec, template: { ...template, metadata } } }
}
