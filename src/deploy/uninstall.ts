/** Takes away what was applied, and leaves the data with what opens it unless that is to go, too. */
import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import type { Cluster, ListQuery } from './cluster.ts'
import { listAt, textAt } from './fields.ts'
import { unlessInterrupted } from './interrupted.ts'
import { holdsData, INVENTORY, inventoryObject, readInventory, type Inventory } from './inventory.ts'
import { refOf, wordsOf, type KubeObject, type ObjectRef } from './object.ts'

const OURS = { 'app.kubernetes.io/part-of': 'stockpipe' }

export interface Removal {
  inventory: Inventory | null
  /** In the order in which they go. */
  workloads: readonly ObjectRef[]
  /** Claims and Secrets; they go only with the data. */
  data: readonly ObjectRef[]
  /** The namespace itself; null where it is to stay. */
  namespace: ObjectRef | null
  /** Why the namespace stays though the data goes: what else is in it. */
  foreign: readonly ObjectRef[]
  /** Kinds that we may not list: it stays for them, too, for somebody may have such objects in it. */
  unseen: readonly string[]
}

/** What there is to take away. Writes nothing. */
export async function removalOf(cluster: Cluster, namespace: string, deleteData: boolean): Promise<Removal> {
  const inventory = await readInventory(cluster, namespace)
  const kinds = async (apiVersion: string, kind: string, labels: NonNullable<ListQuery['labels']>) =>
    (await cluster.list({ apiVersion, kind, namespace, labels })).map(refOf)
  const known = [...(inventory?.objects ?? [])]
  const jobs = await kinds('batch/v1', 'Job', OURS)
  const claims = await kinds('v1', 'PersistentVolumeClaim', OURS)
  const secrets = await kinds('v1', 'Secret', { ...OURS, 'app.kubernetes.io/managed-by': 'stockpipe' })
  const workloads = unique([...jobs, ...known.filter((ref) => !holdsData(ref)).reverse()])
  const data = unique([...known.filter((ref) => ref.kind !== 'Namespace' && holdsData(ref)), ...claims, ...secrets])
  const own = new Set([...workloads, ...data, inventoryRef(namespace)].map(wordsOf))
  const { others, unseen } = deleteData ? await othersOf(cluster, namespace) : { others: [], unseen: [] }
  const foreign = others.filter((ref) => !own.has(wordsOf(ref)))
  const isAlone = deleteData && foreign.length === 0 && unseen.length === 0
  const isGoing = isAlone && (await isOurNamespace(cluster, namespace))
  return {
    inventory,
    workloads,
    data: await present(cluster, data),
    namespace: isGoing ? namespaceRef(namespace) : null,
    foreign,
    unseen,
  }
}

const inventoryRef = (namespace: string): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: INVENTORY,
  namespace,
})
const namespaceRef = (name: string): ObjectRef => ({ apiVersion: 'v1', kind: 'Namespace', name, namespace: null })

async function isOurNamespace(cluster: Cluster, namespace: string): Promise<boolean> {
  const found = await cluster.get(namespaceRef(namespace))
  return found?.metadata.labels?.['app.kubernetes.io/managed-by'] === 'stockpipe'
}

/** What people keep in a namespace; whatever is not ours saves it. */
const KEPT = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'DaemonSet'],
  ['apps/v1', 'ReplicaSet'],
  ['batch/v1', 'Job'],
  ['batch/v1', 'CronJob'],
  ['v1', 'Pod'],
  ['v1', 'PersistentVolumeClaim'],
  ['v1', 'Secret'],
  ['v1', 'ConfigMap'],
  ['v1', 'Service'],
  ['networking.k8s.io/v1', 'Ingress'],
] as const
const KEPT_KINDS: ReadonlySet<string> = new Set(KEPT.map(([, kind]) => kind))

async function othersOf(cluster: Cluster, namespace: string): Promise<{ others: ObjectRef[]; unseen: string[] }> {
  const found = await Promise.all(
    KEPT.map(async ([apiVersion, kind]) => ({ kind, objects: await listed(cluster, { apiVersion, kind, namespace }) })),
  )
  return {
    others: found
      .flatMap(({ objects }) => objects ?? [])
      .filter(isMadeByPeople)
      .map(refOf),
    unseen: found.filter(({ objects }) => objects === null).map(({ kind }) => kind),
  }
}

/** Null where we may not. */
async function listed(cluster: Cluster, query: ListQuery): Promise<KubeObject[] | null> {
  try {
    return await cluster.list(query)
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'forbidden') return null
    throw error
  }
}

/**
 * Not what the cluster puts into every namespace (old ones the token of an account, too), nor what goes with an owner
 * that is looked at itself.
 */
const isMadeByPeople = (object: KubeObject): boolean =>
  object['type'] !== 'kubernetes.io/service-account-token' &&
  wordsOf(refOf(object)) !== `ConfigMap ${object.metadata.namespace}/kube-root-ca.crt` &&
  !listAt(object, 'metadata', 'ownerReferences').some((owner) => KEPT_KINDS.has(textAt(owner, 'kind')))

async function present(cluster: Cluster, refs: readonly ObjectRef[]): Promise<ObjectRef[]> {
  const found = await Promise.all(refs.map((ref) => cluster.get(ref)))
  return refs.filter((_, index) => found[index] !== null)
}

function unique(refs: readonly ObjectRef[]): ObjectRef[] {
  return [...new Map(refs.map((ref) => [wordsOf(ref), ref])).values()]
}

/** What goes, in that order. */
export const goesOf = ({ workloads, data, namespace }: Removal, deleteData: boolean): ObjectRef[] => [
  ...workloads,
  ...(deleteData ? data : []),
  ...(namespace === null ? [] : [namespace]),
]

/** Throws what the cluster would refuse to take away. Nothing goes. */
export async function judgeRemoval(cluster: Cluster, removal: Removal, deleteData: boolean): Promise<void> {
  for (const ref of goesOf(removal, deleteData)) await cluster.remove(ref, { dryRun: true })
}

export interface UninstallRun {
  cluster: Cluster
  clock: Pick<Clock, 'sleep' | 'elapsed'>
  namespace: string
  deleteData: boolean
  /** How long pods may take to end. */
  timeoutMs: number
  report: (ref: ObjectRef) => void
  signal: AbortSignal
}

/** Resolves to what stays. A run that is cut short is finished by the next one: the inventory goes last. */
export const uninstall = (removal: Removal, run: UninstallRun): Promise<ObjectRef[]> =>
  unlessInterrupted(run.signal, interrupted, () => takeAway(removal, run))

async function takeAway(removal: Removal, run: UninstallRun): Promise<ObjectRef[]> {
  const { cluster, namespace, deleteData } = run
  const { inventory, workloads, data } = removal
  if (inventory !== null && inventory.state !== 'removing')
    await cluster.apply(inventoryObject({ ...inventory, state: 'removing' }, namespace), { dryRun: false, force: true })
  for (const ref of workloads) await remove(ref, run)
  await podsGone(run)
  if (deleteData) for (const ref of data) await remove(ref, run)
  await cluster.remove(inventoryRef(namespace))
  if (removal.namespace !== null) await removeNamespace(removal.namespace, run)
  const stays = deleteData ? [] : [...data]
  return removal.namespace === null && (await cluster.get(namespaceRef(namespace))) !== null
    ? [namespaceRef(namespace), ...stays]
    : stays
}

async function remove(ref: ObjectRef, { cluster, report, signal }: UninstallRun): Promise<void> {
  refuseInterrupted(signal)
  await cluster.remove(ref)
  report(ref)
}

const interrupted = (): StockpipeError =>
  new StockpipeError('not-ready', 'interrupted: some of it is gone, and some not yet', {
    hint: 'run the same command again: it goes on from here',
  })

function refuseInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted()
}

/** While it goes nothing can be made in it, so that who installs again at once would be refused. */
async function removeNamespace(ref: ObjectRef, run: UninstallRun): Promise<void> {
  const { cluster, clock, timeoutMs, signal } = run
  await remove(ref, run)
  const until = clock.elapsed() + timeoutMs
  while ((await cluster.get(ref)) !== null) {
    refuseInterrupted(signal)
    if (clock.elapsed() >= until)
      throw new StockpipeError('not-ready', `${wordsOf(ref)} does not go away`, {
        hint: `kubectl describe namespace ${ref.name} says what holds it`,
      })
    await clock.sleep(500, signal)
  }
}

/** A claim that a pod still holds does not go, and a pod that still runs may yet write. */
async function podsGone({ cluster, clock, namespace, timeoutMs, signal }: UninstallRun): Promise<void> {
  const until = clock.elapsed() + timeoutMs
  for (;;) {
    const pods = await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, labels: OURS })
    if (pods.length === 0) return
    refuseInterrupted(signal)
    if (clock.elapsed() >= until)
      throw new StockpipeError('not-ready', `${pods.length} pods in ${namespace} do not end`, {
        why: pods.map(({ metadata }) => metadata.name).join(', '),
        hint: `kubectl get pods -n ${namespace}, then run this again`,
      })
    await clock.sleep(1_000, signal)
  }
}
