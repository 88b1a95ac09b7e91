/** One look at everything that is waited for. */
import type { Clock } from '../../clock.ts'
import type { Cluster } from '../cluster.ts'
import { type KubeObject, refOf } from '../object.ts'
import { at, isSelected, listAt, numberAt, textAt } from '../fields.ts'
import { type Progress, progressOf } from './progress.ts'
import { eventsOf, eventTrouble, type Seen, timeOf, type Trouble, troubleOfPod } from './trouble.ts'

/** What a namespace holds that tells how things go. */
export interface Scene extends Seen {
  pods: readonly KubeObject[]
  claims: readonly KubeObject[]
  replicaSets: readonly KubeObject[]
  /** What is waited for, as the server has it now. */
  workloads: readonly KubeObject[]
}

/** How one workload stands. */
export interface Standing extends Progress {
  /** As in `StatefulSet kafka`. */
  name: string
  trouble: Trouble | null
}

const WAITED_FOR = ['StatefulSet', 'Deployment', 'Job']

/** Kinds whose state says more than that they are there. */
export const isWaitedFor = (object: KubeObject): boolean => WAITED_FOR.includes(object.kind)

/** Where one looks, and when. */
export interface View {
  cluster: Cluster
  namespace: string
  clock: Pick<Clock, 'now'>
}

/** What is missing on the server stays as it was sent: it counts as not begun. */
export async function lookAt({ cluster, namespace, clock }: View, wanted: readonly KubeObject[]): Promise<Scene> {
  const list = (apiVersion: string, kind: string) => cluster.list({ apiVersion, kind, namespace })
  const [pods, events, claims, replicaSets, workloads] = await Promise.all([
    list('v1', 'Pod'),
    list('v1', 'Event'),
    list('v1', 'PersistentVolumeClaim'),
    list('apps/v1', 'ReplicaSet'),
    Promise.all(wanted.filter(isWaitedFor).map(async (object) => (await cluster.get(refOf(object))) ?? object)),
  ])
  return { pods, events, claims, replicaSets, workloads, now: clock.now() }
}

export const standingsOf = (scene: Scene): Standing[] => scene.workloads.map((workload) => standing(workload, scene))

function standing(workload: KubeObject, scene: Scene): Standing {
  const progress = progressOf(workload)
  const trouble = progress.state === 'ready' ? null : troubleOf(workload, scene)
  return { name: `${workload.kind} ${workload.metadata.name}`, ...progress, trouble }
}

/** The pods that a workload has now, the newest first: a Job keeps those that failed. */
export const podsOf = (workload: KubeObject, pods: readonly KubeObject[]): KubeObject[] =>
  pods
    .filter((pod) => isSelected(pod, at(workload, 'spec', 'selector', 'matchLabels')))
    .sort((a, b) => madeAt(b) - madeAt(a))

const madeAt = (object: KubeObject): number => Date.parse(textAt(object, 'metadata', 'creationTimestamp')) || 0

/** Those of its newest form. What is wrong with older ones is no matter any more: they go. */
function newestPods(workload: KubeObject, scene: Scene): KubeObject[] {
  const [label, value] = newestForm(workload, scene)
  const pods = podsOf(workload, scene.pods)
  return value === '' ? pods : pods.filter((pod) => pod.metadata.labels?.[label] === value)
}

/** The label that tells forms apart, and its value on pods of the newest; empty where it is not known. */
function newestForm(workload: KubeObject, { replicaSets }: Scene): readonly [label: string, value: string] {
  if (workload.kind === 'StatefulSet') return ['controller-revision-hash', textAt(workload, 'status', 'updateRevision')]
  const revision = (set: KubeObject) => Number(set.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0)
  const [newest] = replicaSets.filter((set) => isOwnedBy(set, workload)).sort((a, b) => revision(b) - revision(a))
  return ['pod-template-hash', newest?.metadata.labels?.['pod-template-hash'] ?? '']
}

/** A pod that cannot start, and why. */
export interface Stuck {
  pod: KubeObject
  trouble: Trouble
}

/**
 * Pods of a StatefulSet that are of an older form and cannot start: it waits for each to be ready before it replaces
 * the next, and would wait for these for ever (kubernetes/kubernetes#67250).
 */
export const stuckPods = (scene: Scene): Stuck[] =>
  scene.workloads
    .filter(({ kind }) => kind === 'StatefulSet')
    .flatMap((workload) => {
      const newest = newestPods(workload, scene).map(({ metadata }) => metadata.name)
      const older = podsOf(workload, scene.pods).filter(({ metadata }) => !newest.includes(metadata.name))
      return stuckAmong(older, scene)
    })

/**
 * Pods whose container cannot be pulled or crashes, or lacked a Secret: the node waits up to 5 min before it tries once
 * more, also where what was wrong is mended by now. New ones are tried at once. A Job would count them as failures of its own.
 */
export const backedOffPods = (scene: Scene): KubeObject[] =>
  scene.workloads
    .filter((workload) => workload.kind !== 'Job' && progressOf(workload).state !== 'ready')
    .flatMap((workload) => stuckAmong(newestPods(workload, scene), scene))
    .filter(({ trouble }) => trouble.isBackedOff === true)
    .map(({ pod }) => pod)

const stuckAmong = (pods: readonly KubeObject[], scene: Scene): Stuck[] =>
  pods
    .filter((pod) => textAt(pod, 'metadata', 'deletionTimestamp') === '')
    .flatMap((pod) => {
      const trouble = troubleOfPod(pod, scene)
      return trouble === null || trouble.hopelessAfterMs === null ? [] : [{ pod, trouble }]
    })

/** The worst first: that which is given up soonest. */
function troubleOf(workload: KubeObject, scene: Scene): Trouble | null {
  const pods = newestPods(workload, scene)
  const found = [
    ...pods.map((pod) => claimTrouble(pod, scene) ?? troubleOfPod(pod, scene)),
    pods.length < wantedPods(workload) ? makingTrouble(workload, scene) : null,
  ].filter((trouble) => trouble !== null)
  const patience = ({ hopelessAfterMs }: Trouble) => hopelessAfterMs ?? Number.POSITIVE_INFINITY
  return found.sort((a, b) => patience(a) - patience(b))[0] ?? null
}

const wantedPods = (workload: KubeObject): number =>
  at(workload, 'spec', 'replicas') === undefined ? 1 : numberAt(workload, 'spec', 'replicas')

/** Nobody is told by the pod itself that its claim gets no volume. */
function claimTrouble(pod: KubeObject, { claims, events }: Scene): Trouble | null {
  const names = listAt(pod, 'spec', 'volumes').map((volume) => textAt(volume, 'persistentVolumeClaim', 'claimName'))
  const open = claims.filter(
    (claim) => names.includes(claim.metadata.name) && textAt(claim, 'status', 'phase') === 'Pending',
  )
  for (const claim of open) {
    const own = eventsOf(events, 'PersistentVolumeClaim', claim.metadata.name)
    const trouble = eventTrouble(`claim ${claim.metadata.name}`, own)
    if (trouble !== null) return trouble
  }
  return null
}

/** Pods that are refused leave a trace only at who wanted to make them. */
function makingTrouble(workload: KubeObject, { replicaSets, events, pods }: Scene): Trouble | null {
  const makers = [workload, ...replicaSets.filter((set) => isOwnedBy(set, workload))]
  const newestPod = Math.max(0, ...podsOf(workload, pods).map(madeAt))
  const own = makers
    .flatMap((maker) => eventsOf(events, maker.kind, maker.metadata.name))
    .filter((event) => textAt(event, 'reason') === 'FailedCreate' && timeOf(event) >= newestPod)
  return eventTrouble(
    workload.metadata.name,
    own.sort((a, b) => timeOf(a) - timeOf(b)),
  )
}

const isOwnedBy = (object: KubeObject, owner: KubeObject): boolean =>
  listAt(object, 'metadata', 'ownerReferences').some(
    (reference) => textAt(reference, 'uid') === textAt(owner, 'metadata', 'uid') && textAt(reference, 'uid') !== '',
  )
