/** What an apply would do, told by the cluster itself: a dry run of each object, compared with what is there. */
import { StockpipeError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { isOurs, isSame } from './compare.ts'
import { condition } from './fields.ts'
import { frozenWords, refuseScaling } from './frozen.ts'
import { namedRef, refOf, wordsOf, type KubeObject, type ObjectRef } from './object.ts'
import { inParallel } from './parallel.ts'
import { handedOver } from './replicas.ts'
import { hasOtherSecrets } from './secret-hashes.ts'

/** `replace`: a Job that failed, or was done with other credentials, which is deleted and made again. */
export type Verb = 'create' | 'change' | 'replace' | 'keep' | 'prune'

export interface Step {
  verb: Verb
  ref: ObjectRef
  /** What is there; null where nothing is. */
  before: KubeObject | null
  /** What will be there, as the cluster says; null where it will be gone. */
  after: KubeObject | null
  /** To be applied; null for what is pruned. */
  wanted: KubeObject | null
}

export interface Plan {
  /** In the order of the objects; what is pruned comes last. */
  steps: readonly Step[]
  /** What the cluster, or the data in it, would refuse. Nothing may be applied while there is any. */
  obstacles: readonly StockpipeError[]
}

export interface PlanOptions {
  cluster: Cluster
  /** Take fields that others manage. */
  force: boolean
  /** What was applied before and is wanted no more. */
  prune: readonly ObjectRef[]
}

const AT_A_TIME = 6

/** Writes nothing. Throws what is no matter of one object: no connection, no login, a missing right. */
export async function planOf(objects: readonly KubeObject[], options: PlanOptions): Promise<Plan> {
  const absent = await absentNamespaces(objects, options.cluster)
  const obstacles: StockpipeError[] = []
  const claims = claimsOf(options.cluster)
  const steps = await inParallel(objects, AT_A_TIME, async (object): Promise<Step | null> => {
    try {
      return await stepFor(object, absent, { ...options, claims })
    } catch (error) {
      if (!(error instanceof StockpipeError) || !OBSTACLES.has(error.code)) throw error
      obstacles.push(error)
      return null
    }
  })
  const pruned = await inParallel(options.prune, AT_A_TIME, async (ref) => pruning(ref, await options.cluster.get(ref)))
  return { steps: [...steps, ...pruned].filter((step) => step !== null), obstacles }
}

const OBSTACLES = new Set(['conflict', 'immutable', 'quota', 'refused', 'missing-kind', 'not-found'])

/** Namespaces that are yet to be made: of what goes into them no dry run is possible. */
async function absentNamespaces(objects: readonly KubeObject[], cluster: Cluster): Promise<ReadonlySet<string>> {
  const made = objects.filter(({ kind }) => kind === 'Namespace')
  const live = await inParallel(made, AT_A_TIME, async (object) => [
    object.metadata.name,
    await cluster.get(refOf(object)),
  ])
  return new Set(live.flatMap(([name, found]) => (found === null ? [name as string] : [])))
}

/** Names of the claims of a namespace. */
const claimsOf = (cluster: Cluster) => async (namespace: string) =>
  (await cluster.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace })).map(
    ({ metadata }) => metadata.name,
  )

type Planning = PlanOptions & { claims: ReturnType<typeof claimsOf> }

async function stepFor(
  rendered: KubeObject,
  absent: ReadonlySet<string>,
  { cluster, force, claims }: Planning,
): Promise<Step> {
  const ref = refOf(rendered)
  const fresh: Step = { verb: 'create', ref, before: null, after: rendered, wanted: rendered }
  if (ref.namespace !== null && absent.has(ref.namespace)) return fresh
  const before = await cluster.get(ref)
  const wanted = before === null ? rendered : handedOver(rendered, before)
  if (before !== null && (hasFailed(before) || hasOtherSecrets(wanted, before)))
    return { verb: 'replace', ref, before, after: wanted, wanted }
  const refusal = await refuseScaling(wanted, before, () => claims(ref.namespace ?? ''))
  if (refusal) throw refusal
  try {
    const after = await cluster.apply(wanted, { dryRun: true, force })
    if (before === null) return { ...fresh, after }
    const verb = isOurs(before) && isSame(before, after) ? 'keep' : 'change'
    return { verb, ref, before, after, wanted }
  } catch (error) {
    const isFrozen = error instanceof StockpipeError && error.code === 'immutable' && before !== null
    throw isFrozen ? frozenWords(wanted, before, error) : error
  }
}

const hasFailed = (object: KubeObject): boolean => object.kind === 'Job' && condition(object, 'Failed') !== undefined

const pruning = (ref: ObjectRef, before: KubeObject | null): Step | null =>
  before === null ? null : { verb: 'prune', ref, before, after: null, wanted: null }

export const isChange = ({ verb }: Step): boolean => verb !== 'keep'

/** `3 to create, 1 to change, 20 unchanged`. */
export function summaryOf({ steps }: Plan): string {
  const count = (verb: Verb) => steps.filter((step) => step.verb === verb).length
  const parts = [
    [count('create'), 'to create'],
    [count('change'), 'to change'],
    [count('replace'), 'to make again'],
    [count('prune'), 'to delete'],
    [count('keep'), 'unchanged'],
  ] as const
  return parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(', ')
}

/** One error for all obstacles; null where there are none. */
export function obstacleError({ obstacles }: Plan): StockpipeError | null {
  const [first] = obstacles
  if (first === undefined || obstacles.length === 1) return first ?? null
  return new StockpipeError(first.code, `the cluster would refuse ${obstacles.length} objects`, {
    why: obstacles.map(({ message, why }) => `${message}: ${why ?? ''}`).join('\n       '),
    hint: [...new Set(obstacles.flatMap(({ hint }) => hint ?? []))].join('\n       ') || undefined,
  })
}

/** The changes as data. */
export const dataOf = ({ steps }: Pick<Plan, 'steps'>) =>
  steps.filter(isChange).map(({ verb, ref }) => ({ verb, ...namedRef(ref) }))

export const lineOf = ({ verb, ref }: Step): string => `${verb.padEnd(7)} ${wordsOf(ref)}`
