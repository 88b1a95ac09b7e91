/** What we have applied, kept in the cluster itself: what may be pruned, and what a run that was cut short goes on from. */
import { StockpipeError } from '../errors.ts'
import type { Cluster, ClusterIdentity } from './cluster.ts'
import { textAt } from './fields.ts'
import { fromLine, type MadeWith, toLine } from './made-with.ts'
import { refOf, wordsOf, type KubeObject, type ObjectRef } from './object.ts'

export const INVENTORY = 'stockpipe-inventory'

/** `applying` and `removing`: a run has begun that has not ended yet. */
export type InventoryState = 'applying' | 'applied' | 'removing'

export interface Inventory {
  state: InventoryState
  version: string
  profile: string
  /** uid of the cluster it was applied to; empty where nobody could read it. */
  cluster: string
  /** As they were given, YAML; no secrets are values. */
  values: string
  /** What log and store were seen to work with; null until a run has waited for it. */
  madeWith: MadeWith | null
  /** Whether trades came through it the whole way since anything of it was written. */
  isTested: boolean
  objects: readonly ObjectRef[]
}

/** Null where nothing was applied. Throws `config` for one that cannot be read. */
export async function readInventory(cluster: Cluster, namespace: string): Promise<Inventory | null> {
  const found = await cluster.get({ apiVersion: 'v1', kind: 'ConfigMap', name: INVENTORY, namespace })
  if (found === null) return null
  const text = (key: string) => textAt(found, 'data', key)
  const state = (['applying', 'applied', 'removing'] as const).find((known) => known === text('state'))
  const objects = text('objects').split('\n').filter(Boolean).map(parseRef)
  if (state === undefined || objects.includes(null))
    throw new StockpipeError('config', `ConfigMap ${namespace}/${INVENTORY} is not as we wrote it`, {
      why: 'it says what may be deleted, so that nothing of it is guessed',
      hint: `look at it: kubectl get configmap ${INVENTORY} -n ${namespace} -o yaml`,
    })
  return {
    state,
    version: text('version'),
    profile: text('profile'),
    cluster: text('cluster'),
    values: text('values'),
    madeWith: fromLine(text('made-with')),
    isTested: text('tested') === TESTED,
    objects: objects.filter((ref) => ref !== null),
  }
}

const TESTED = 'trades came through'

/** One object a line, so that a person can read it and a diff shows what came and went. */
const lineOf = ({ apiVersion, kind, namespace, name }: ObjectRef): string =>
  [apiVersion, kind, namespace ?? '-', name].join(' ')

function parseRef(line: string): ObjectRef | null {
  const [apiVersion, kind, namespace, name, ...more] = line.split(' ')
  if (!apiVersion || !kind || !namespace || !name || more.length > 0) return null
  return { apiVersion, kind, name, namespace: namespace === '-' ? null : namespace }
}

export const inventoryObject = (inventory: Inventory, namespace: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: INVENTORY,
    namespace,
    labels: {
      'app.kubernetes.io/name': 'stockpipe',
      'app.kubernetes.io/part-of': 'stockpipe',
      'app.kubernetes.io/managed-by': 'stockpipe',
    },
  },
  data: {
    state: inventory.state,
    version: inventory.version,
    profile: inventory.profile,
    cluster: inventory.cluster,
    values: inventory.values,
    ...(inventory.madeWith === null ? {} : { 'made-with': toLine(inventory.madeWith) }),
    ...(inventory.isTested ? { tested: TESTED } : {}),
    objects: inventory.objects.map((ref) => `${lineOf(ref)}\n`).join(''),
  },
})

/** Throws where the inventory is of another cluster, or of a newer stockpipe than this one. */
export function refuseForeign(
  { cluster, version }: Inventory,
  identity: ClusterIdentity,
  own: { namespace: string; version: string; mayBeOlder: boolean },
): void {
  if (cluster !== '' && identity.uid !== null && cluster !== identity.uid)
    throw new StockpipeError('config', `what is in ${own.namespace} was applied to another cluster`, {
      why: `its inventory names the cluster ${cluster}, and this one (${identity.context}, ${identity.server}) is ${identity.uid}`,
      hint: `see that --context is right; for data that was moved here on purpose: kubectl delete configmap ${INVENTORY} -n ${own.namespace}`,
    })
  if (!own.mayBeOlder && isOlder(own.version, version))
    throw new StockpipeError(
      'config',
      `${own.namespace} was installed by stockpipe ${version}, and this is ${own.version}`,
      {
        why: 'an older version may not understand tables and topics that a newer one has changed',
        hint: `use stockpipe ${version} or newer; to go back to this one, --allow-downgrade: it stops where tables were changed since`,
      },
    )
}

function isOlder(own: string, other: string): boolean {
  try {
    return Bun.semver.order(own, other) < 0
  } catch {
    return false
  }
}

const DATA = new Set(['PersistentVolumeClaim', 'Namespace', 'Secret'])

/** Never pruned, and not uninstalled unless that is asked for: data, and what opens it. */
export const holdsData = ({ kind }: ObjectRef): boolean => DATA.has(kind)

/** What was applied before and is not among the objects now. */
export function prunable(inventory: Inventory | null, objects: readonly KubeObject[]): ObjectRef[] {
  const wanted = new Set(objects.map((object) => wordsOf(refOf(object))))
  return (inventory?.objects ?? []).filter((ref) => !holdsData(ref) && !wanted.has(wordsOf(ref)))
}
