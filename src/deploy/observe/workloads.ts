/** What runs in the namespace, found by name: the parts that people ask for by their word. */
import { StockpipeError } from '../../errors.ts'
import type { Cluster } from '../cluster.ts'
import { condition, listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { podsOf } from '../rollout/look.ts'

/** Each part of the pipeline, and the workload that runs it. */
export const PARTS = {
  producer: { kind: 'Deployment', name: 'stockpipe-producer' },
  processor: { kind: 'Deployment', name: 'stockpipe-processor' },
  api: { kind: 'Deployment', name: 'stockpipe-api' },
  kafka: { kind: 'StatefulSet', name: 'kafka' },
  cassandra: { kind: 'StatefulSet', name: 'cassandra' },
  grafana: { kind: 'Deployment', name: 'grafana' },
  'kafka-ui': { kind: 'Deployment', name: 'kafka-ui' },
} as const
export type Part = keyof typeof PARTS
export const PART_NAMES = Object.keys(PARTS) as Part[]

/** Where a part is looked for. */
export interface Place {
  cluster: Cluster
  namespace: string
}

/** As in `Deployment stockpipe-api`. */
export const nameOf = (part: Part): string => `${PARTS[part].kind} ${PARTS[part].name}`

/** Null where the part is not installed. */
export const workloadOf = ({ cluster, namespace }: Place, part: Part): Promise<KubeObject | null> =>
  cluster.get({ apiVersion: 'apps/v1', ...PARTS[part], namespace })

/** The pods of a part, by name; empty where it is not installed. */
export async function podsOfPart(place: Place, part: Part): Promise<KubeObject[]> {
  const workload = await workloadOf(place, part)
  if (workload === null) return []
  const pods = await place.cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace: place.namespace })
  return podsOf(workload, pods).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

export const isReady = (pod: KubeObject): boolean => condition(pod, 'Ready') !== undefined
export const isGoing = (pod: KubeObject): boolean => textAt(pod, 'metadata', 'deletionTimestamp') !== ''

/** One that answers. Throws `not-found` where the part is not installed, `not-ready` where none does. */
export async function readyPod(place: Place, part: Part): Promise<KubeObject> {
  const pods = await podsOfPart(place, part)
  const pod = pods.find((pod) => isReady(pod) && !isGoing(pod))
  if (pod !== undefined) return pod
  if (pods.length > 0 || (await workloadOf(place, part)) !== null)
    throw new StockpipeError('not-ready', `no pod of ${part} is ready`, {
      hint: `stockpipe deploy status says why, stockpipe deploy logs ${part} what it says`,
      retryable: true,
    })
  throw new StockpipeError('not-found', `${part} is not installed in the namespace ${place.namespace}`, {
    hint: 'stockpipe deploy installs it; --namespace names another place',
  })
}

/** Names of a pod's containers, those that prepare it first. */
export const containersOf = (pod: KubeObject): string[] =>
  [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')].map((one) => textAt(one, 'name'))
