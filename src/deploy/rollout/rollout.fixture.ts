import type { Cluster, ListQuery } from '../cluster.ts'
import { type KubeObject, type ObjectRef, refOf } from '../object.ts'

type Fields = Record<string, unknown>

/** As an API server answers, without the fields that nobody here reads. */
export const object = (kind: string, name: string, rest: Fields = {}, metadata: Fields = {}): KubeObject => ({
  apiVersion: { Pod: 'v1', Event: 'v1', PersistentVolumeClaim: 'v1', Job: 'batch/v1' }[kind] ?? 'apps/v1',
  kind,
  metadata: { name, namespace: 'pipeline', uid: `uid of ${name}`, generation: 1, ...metadata },
  ...rest,
})

const selector = (app: string) => ({ matchLabels: { app } })

export const statefulSet = (name: string, readyReplicas: number, status: Fields = {}): KubeObject =>
  object('StatefulSet', name, {
    spec: { replicas: 1, selector: selector(name) },
    status: { observedGeneration: 1, replicas: 1, readyReplicas, updatedReplicas: 1, ...status },
  })

export const deployment = (name: string, status: Fields): KubeObject =>
  object('Deployment', name, {
    spec: { replicas: 2, selector: selector(name) },
    status: { observedGeneration: 1, ...status },
  })

export const pod = (app: string, status: Fields, spec: Fields = {}): KubeObject =>
  object('Pod', `${app}-0`, { status, spec }, { labels: { app }, creationTimestamp: '2026-01-01T00:00:00Z' })

/** One container that waits for `reason`. */
export const waitingFor = (reason: string, more: Fields = {}): Fields => ({
  phase: 'Pending',
  containerStatuses: [
    { name: 'main', restartCount: 0, state: { waiting: { reason, message: 'as the node says' } }, ...more },
  ],
})

export const event = (about: KubeObject, reason: string, message: string): KubeObject =>
  object('Event', `${about.metadata.name}.${reason}`, {
    involvedObject: { kind: about.kind, name: about.metadata.name, uid: about.metadata['uid'] },
    reason,
    message,
    lastTimestamp: '2026-01-01T00:01:00Z',
  })

/** Holds what it is given; `objects` may change while it is watched. */
export function standingCluster(objects: KubeObject[]): Cluster & { objects: KubeObject[] } {
  const isIt = (ref: ObjectRef) => (found: KubeObject) =>
    found.kind === ref.kind && found.metadata.name === ref.name && (found.metadata.namespace ?? null) === ref.namespace
  const self = {
    objects,
    identity: () => Promise.resolve({ context: 'test', server: 'https://test', uid: 'uid', version: '1.34.4' }),
    get: (ref: ObjectRef) => Promise.resolve(self.objects.find(isIt(ref)) ?? null),
    list: ({ kind, labels = {} }: ListQuery) => {
      const hasAll = ({ metadata }: KubeObject) =>
        Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value)
      return Promise.resolve(self.objects.filter((found) => found.kind === kind && hasAll(found)))
    },
    apply: (wanted: KubeObject) => {
      self.objects = [...self.objects.filter((found) => !isIt(refOf(wanted))(found)), wanted]
      return Promise.resolve(wanted)
    },
    remove: (ref: ObjectRef) => {
      self.objects = self.objects.filter((found) => !isIt(ref)(found))
      return Promise.resolve()
    },
  }
  return self
}
