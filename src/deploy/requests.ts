/** What objects ask of the nodes. */
import { at, listAt, numberAt, textAt } from './fields.ts'
import type { KubeObject } from './object.ts'
import { parseQuantity } from './quantity.ts'

export interface Amount {
  /** Processors. */
  cpu: number
  /** Bytes. */
  memory: number
}

/** What a pod asks for, and what it may take. */
export interface PodAmount extends Amount {
  limits: Amount
}

/** One workload: what each of its pods asks for, and how many there may be. */
export interface PodRequest extends PodAmount {
  /** As in `StatefulSet kafka`. */
  name: string
  pods: number
}

const NONE: Amount = { cpu: 0, memory: 0 }
const RUNNING = ['Deployment', 'StatefulSet']

/** Of everything that runs for good; Jobs come and go, and have their place while roles still wait. */
export const requestsOf = (objects: readonly KubeObject[]): PodRequest[] =>
  objects
    .filter(({ kind }) => RUNNING.includes(kind))
    .map((object) => ({
      name: `${object.kind} ${object.metadata.name}`,
      pods: podsOf(object, objects),
      ...podAmount(at(object, 'spec', 'template', 'spec')),
    }))

export const totalOf = (requests: readonly PodRequest[]): Amount =>
  requests.reduce((sum, { pods, cpu, memory }) => add(sum, { cpu: cpu * pods, memory: memory * pods }), NONE)

/** Where a scaler decides, the most that it may make. */
function podsOf(object: KubeObject, objects: readonly KubeObject[]): number {
  const scaler = objects.find(
    ({ kind, spec }) =>
      ['HorizontalPodAutoscaler', 'ScaledObject'].includes(kind) &&
      textAt(spec, 'scaleTargetRef', 'name') === object.metadata.name,
  )
  if (scaler !== undefined)
    return numberAt(scaler, 'spec', 'maxReplicas') || numberAt(scaler, 'spec', 'maxReplicaCount')
  return at(object, 'spec', 'replicas') === undefined ? 1 : numberAt(object, 'spec', 'replicas')
}

/** As the scheduler counts: containers together, but no less than the greediest init container. */
export function podAmount(spec: unknown): PodAmount {
  const most = (amountOf: (container: unknown) => Amount): Amount => {
    const main = listAt(spec, 'containers').map(amountOf).reduce(add, NONE)
    const init = listAt(spec, 'initContainers').map(amountOf)
    return {
      cpu: Math.max(main.cpu, ...init.map(({ cpu }) => cpu)),
      memory: Math.max(main.memory, ...init.map(({ memory }) => memory)),
    }
  }
  // Without a request the limit counts.
  return { ...most(amountIn('requests', 'limits')), limits: most(amountIn('limits')) }
}

const amountIn =
  (...fields: readonly string[]) =>
  (container: unknown): Amount => {
    const amount = (name: string): number => {
      const found = fields.map((field) => at(container, 'resources', field, name)).find((value) => value !== undefined)
      return typeof found === 'number' ? found : typeof found === 'string' ? parseQuantity(found) : 0
    }
    return { cpu: amount('cpu'), memory: amount('memory') }
  }

const add = (a: Amount, b: Amount): Amount => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory })

/** Images of every pod that the objects make, each once. */
export const imagesOf = (objects: readonly KubeObject[]): string[] => {
  const specs = objects.map((object) => at(object, 'spec', 'template', 'spec'))
  const containers = specs.flatMap((spec) => [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')])
  return [...new Set(containers.map((container) => textAt(container, 'image')))].filter(Boolean).sort()
}
