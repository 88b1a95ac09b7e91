/** Everything that is known before anything is written: what is there, what is wanted, what would be done. */
import type { Cluster, ClusterIdentity } from './cluster.ts'
import { intentOf, namespaceOf, type Intent, type Wanted } from './intent.ts'
import { prunable, readInventory, refuseForeign, type Inventory } from './inventory.ts'
import { knownData, refuseOther } from './made-with.ts'
import { planOf, type Plan } from './plan.ts'
import { pepperOf, withSecretHashes } from './secret-hashes.ts'
import { filled, secretsIn } from './secrets.ts'
import type { Secrets } from '../secrets.ts'

export interface Preparing {
  cluster: Cluster
  wanted: Wanted
  /** Of secrets, by `finnhub/token`. */
  given: ReadonlyMap<string, string>
  /** Take fields that others manage. */
  force: boolean
  /** Told of every secret of the installation. */
  secrets: Secrets
  /** Replace a newer version. */
  mayBeOlder: boolean
}

export interface Prepared {
  identity: ClusterIdentity
  namespace: string
  former: Inventory | null
  intent: Intent
  plan: Plan
}

/** What is wanted of this cluster: it may hold an installation whose values count on, and tells its profile. */
export async function intended(cluster: Cluster, wanted: Wanted): Promise<Omit<Prepared, 'plan'>> {
  const namespace = namespaceOf(wanted)
  const identity = await cluster.identity()
  const former = await readInventory(cluster, namespace)
  return { identity, namespace, former, intent: intentOf(wanted, former, identity) }
}

export async function prepare({ cluster, wanted, ...how }: Preparing): Promise<Prepared> {
  const { intent, ...found } = await intended(cluster, wanted)
  const plan = await planFor(intent, { cluster, ...how, ...found })
  return { ...found, intent, plan }
}

export type Present = Omit<Preparing, 'wanted'> & Omit<Prepared, 'intent' | 'plan'>

/** Throws where the installation is not one that this version may touch. */
export async function planFor(
  { objects, target }: Pick<Intent, 'objects' | 'target'>,
  { cluster, given, force, secrets, mayBeOlder, identity, namespace, former }: Present,
): Promise<Plan> {
  if (former !== null) refuseForeign(former, identity, { namespace, version: target.version, mayBeOlder })
  const ready = await filled(objects, { cluster, given })
  const whole = withSecretHashes(ready, await pepperOf(ready, cluster))
  secrets.add(...given.values(), ...secretsIn(whole))
  const plan = await planOf(whole, { cluster, force, prune: prunable(former, whole) })
  const others = refuseOther(await knownData({ cluster, namespace, former }), target.madeWith, namespace)
  return { ...plan, obstacles: [...others, ...plan.obstacles] }
}
