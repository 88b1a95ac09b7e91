/** What an API server keeps and refuses, in memory: server-side apply with managers, as far as deploy relies on it. */
import type { KubeObject, ObjectRef } from '../object.ts'
import { refOf, wordsOf } from '../object.ts'
import { fieldOf, leavesOf, objectOf, type Leaves } from './leaves.fixture.ts'
import type { Status } from './refusal.ts'

/** Thrown where the server would answer it. */
export class Refused extends Error {
  readonly status: Status

  constructor(status: Status) {
    super(status.message)
    this.status = status
  }
}

export interface Applied {
  manager: string
  dryRun: boolean
  force: boolean
}

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  object: KubeObject
}

interface Kept {
  ref: ObjectRef
  leaves: Leaves
  managers: Map<string, Set<string>>
  meta: { uid: string; resourceVersion: string; generation: number }
}

/** Kinds by API version, with their plural; those of no namespace are marked. */
export const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  v1: {
    Namespace: '/namespaces',
    ConfigMap: 'configmaps',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
    Pod: 'pods',
    Event: 'events',
    Node: '/nodes',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    ResourceQuota: 'resourcequotas',
  },
  'apps/v1': {
    Deployment: 'deployments',
    StatefulSet: 'statefulsets',
    ReplicaSet: 'replicasets',
    DaemonSet: 'daemonsets',
  },
  'batch/v1': { Job: 'jobs', CronJob: 'cronjobs' },
  'networking.k8s.io/v1': { NetworkPolicy: 'networkpolicies', Ingress: 'ingresses' },
  'policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
  'autoscaling/v2': { HorizontalPodAutoscaler: 'horizontalpodautoscalers' },
  'storage.k8s.io/v1': { StorageClass: '/storageclasses', CSIDriver: '/csidrivers' },
}

const FROZEN: Readonly<Record<string, RegExp>> = {
  StatefulSet: /^\.spec\.(volumeClaimTemplates|serviceName|selector|podManagementPolicy)/,
  Deployment: /^\.spec\.selector/,
  Job: /^\.spec\.(template|selector)/,
}

export class FakeApi {
  readonly #objects = new Map<string, Kept>()
  readonly #listeners = new Set<(change: Change) => void>()
  #version = 100
  /** What was written, in order: `apply ConfigMap pipeline/x`, `delete ...`. Dry runs are not. */
  readonly writes: string[] = []
  /** Called before each write; what it throws is the answer. */
  beforeWrite: (words: string) => void = () => undefined

  constructor() {
    for (const name of ['default', 'kube-system'])
      this.apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
        { manager: 'k8s', dryRun: false, force: true },
      )
    this.writes.length = 0
  }

  get resourceVersion(): string {
    return String(this.#version)
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get(ref: ObjectRef): KubeObject {
    const kept = this.#objects.get(wordsOf(ref))
    if (!kept) throw notFound(`${ref.kind} "${ref.name}" not found`)
    return whole(kept)
  }

  list(kind: string, namespace: string | null, labels: Readonly<Record<string, string>> = {}): KubeObject[] {
    return [...this.#objects.values()]
      .filter(({ ref }) => ref.kind === kind && (namespace === null || ref.namespace === namespace))
      .map(whole)
      .filter(({ metadata }) => Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value))
  }

  apply(object: KubeObject, { manager, dryRun, force }: Applied): KubeObject {
    const ref = refOf(object)
    if (ref.namespace !== null && !this.#objects.has(`Namespace ${ref.namespace}`))
      throw notFound(`namespaces "${ref.namespace}" not found`)
    const before = this.#objects.get(wordsOf(ref))
    const next = merged(before ?? empty(ref), leavesOf(object), manager, force)
    if (before && FROZEN[ref.kind]) refuseFrozen(ref, before.leaves, next.leaves)
    if (dryRun) return whole(next)
    this.beforeWrite(`apply ${wordsOf(ref)}`)
    this.writes.push(`apply ${wordsOf(ref)}`)
    return this.#keep(next, before)
  }

  /** As a controller or a person would change it, without asking. */
  set(object: KubeObject): KubeObject {
    return this.apply(object, { manager: 'somebody', dryRun: false, force: true })
  }

  remove(ref: ObjectRef): KubeObject {
    const object = this.get(ref)
    this.beforeWrite(`delete ${wordsOf(ref)}`)
    this.writes.push(`delete ${wordsOf(ref)}`)
    this.#objects.delete(wordsOf(ref))
    this.#version++
    if (ref.kind === 'Namespace')
      for (const [words, kept] of this.#objects) if (kept.ref.namespace === ref.name) this.#objects.delete(words)
    this.#tell({ type: 'DELETED', object })
    return object
  }

  /** The server gives a new version only to what has changed. */
  #keep(next: Kept, before: Kept | undefined): KubeObject {
    if (before && JSON.stringify(objectOf(before.leaves)) === JSON.stringify(objectOf(next.leaves))) {
      this.#objects.set(wordsOf(next.ref), { ...next, meta: before.meta })
      return whole(before)
    }
    this.#version++
    const generation = (before?.meta.generation ?? 0) + 1
    const kept = { ...next, meta: { ...next.meta, resourceVersion: String(this.#version), generation } }
    this.#objects.set(wordsOf(next.ref), kept)
    this.#tell({ type: before ? 'MODIFIED' : 'ADDED', object: whole(kept) })
    return whole(kept)
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change)
  }
}

const empty = (ref: ObjectRef): Kept => ({
  ref,
  leaves: new Map(),
  managers: new Map(),
  meta: { uid: crypto.randomUUID(), resourceVersion: '0', generation: 0 },
})

function merged(before: Kept, wanted: Leaves, manager: string, force: boolean): Kept {
  const leaves = new Map(before.leaves)
  const managers = new Map([...before.managers].map(([name, places]) => [name, new Set(places)]))
  const others = [...managers].filter(([name]) => name !== manager)
  const taken = [...wanted].flatMap(([place, value]) =>
    others
      .filter(([, places]) => places.has(place) && !same(leaves.get(place), value))
      .map(([name, places]) => ({ place, name, places })),
  )
  if (taken.length > 0 && !force) throw conflict(before.ref, taken)
  for (const { place, places } of taken) places.delete(place)
  for (const place of managers.get(manager) ?? [])
    if (!wanted.has(place) && !others.some(([, places]) => places.has(place))) leaves.delete(place)
  for (const [place, value] of wanted) leaves.set(place, structuredClone(value))
  managers.set(manager, new Set(wanted.keys()))
  return { ...before, leaves, managers }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

function whole({ ref, leaves, managers, meta }: Kept): KubeObject {
  const { metadata, ...rest } = objectOf(leaves)
  return {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    ...rest,
    metadata: {
      name: ref.name,
      ...(ref.namespace === null ? {} : { namespace: ref.namespace }),
      ...(metadata as object | undefined),
      ...meta,
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [...managers].map(([manager, places]) => ({
        manager,
        operation: 'Apply',
        fieldsV1: [...places].some((place) => fieldOf(place) === '.spec.replicas')
          ? { 'f:spec': { 'f:replicas': {} } }
          : {},
      })),
    },
  }
}

const notFound = (message: string) => new Refused({ code: 404, reason: 'NotFound', message })

const conflict = (ref: ObjectRef, taken: readonly { place: string; name: string }[]) =>
  new Refused({
    code: 409,
    reason: 'Conflict',
    message: `Apply failed with ${taken.length} conflicts on ${ref.name}`,
    details: {
      causes: taken.map(({ place, name }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with "${name}" using ${ref.apiVersion}`,
        field: fieldOf(place),
      })),
    },
  })

function refuseFrozen({ kind, name }: ObjectRef, before: Leaves, after: Leaves): void {
  const frozen = FROZEN[kind]
  const places = new Set([...before.keys(), ...after.keys()])
  const changed = [...places].filter(
    (place) => frozen?.test(fieldOf(place)) && !same(before.get(place), after.get(place)),
  )
  if (changed.length === 0) return
  const message =
    kind === 'StatefulSet'
      ? `Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden`
      : 'field is immutable'
  throw new Refused({
    code: 422,
    reason: 'Invalid',
    message: `${kind} "${name}" is invalid: spec: ${message}`,
    details: { causes: [{ reason: 'FieldValueForbidden', message, field: 'spec' }] },
  })
}
