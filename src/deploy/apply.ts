/** Does what a plan says, wave by wave, so that a run that is cut short anywhere is finished by the next one. */
import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { isSame } from './compare.ts'
import { holdsData, inventoryObject, readInventory, type Inventory } from './inventory.ts'
import { unlessInterrupted } from './interrupted.ts'
import { wordsOf, type KubeObject, type ObjectRef } from './object.ts'
import type { Plan, Step } from './plan.ts'
import { waveOf, WAVES, type Wave } from './waves.ts'

export interface ApplyRun {
  cluster: Cluster
  clock: Pick<Clock, 'sleep'>
  namespace: string
  /** As it will be; its objects are those of the plan. */
  target: Inventory
  /** As it is. */
  former: Inventory | null
  /** Take fields that others manage. */
  force: boolean
  /** Told after each step. */
  report: (step: Step) => void
  /** Between waves: resolves when what the wave holds works. */
  wait: (wave: Wave, objects: readonly KubeObject[]) => Promise<void>
  /** Whether `wait` does: else nobody knows at the end whether it works. */
  isAwaited: boolean
  signal: AbortSignal
}

/**
 * What will be there is written down before anything else is, so that nothing of it can be forgotten. Objects that are
 * as they should be are not written: a second run writes nothing at all. Resolves to the inventory as it is then.
 */
export async function applyPlan({ steps }: Plan, run: ApplyRun): Promise<Inventory> {
  const done = steps.every(({ verb }) => verb === 'keep') ? upToDate(run) : null
  const [namespaces, others] = split(steps, ({ ref }) => ref.kind === 'Namespace')
  for (const step of namespaces) await take(step, run)
  if (done === null) await record(begunOf(run), run)
  for (const wave of WAVES) {
    const own = others.filter(({ wanted }) => wanted !== null && waveOf(wanted) === wave)
    for (const step of own) await take(step, run)
    refuseInterrupted(run)
    await run.wait(
      wave,
      own.map(({ wanted }) => wanted).filter((wanted) => wanted !== null),
    )
  }
  for (const step of steps.filter(({ verb }) => verb === 'prune')) await take(step, run)
  if (done !== null) return done
  const final = finalOf(run)
  await record(final, run)
  return final
}

/**
 * Writes down that trades came through what `applied` says, so that no run sends more until something is changed. Not
 * where another run has begun meanwhile.
 */
export async function recordTested(
  applied: Inventory,
  run: Pick<ApplyRun, 'cluster' | 'namespace' | 'signal'>,
): Promise<void> {
  const known = await readInventory(run.cluster, run.namespace)
  if (known !== null && isSameInventory(known, applied, run)) await record({ ...applied, isTested: true }, run)
}

const begunOf = ({ target, former }: ApplyRun): Inventory => ({
  ...target,
  state: 'applying',
  madeWith: former?.madeWith ?? null,
  objects: union(target, former),
})

/** Former objects that hold data stay, and stay known. */
const finalOf = ({ target, former, isAwaited }: ApplyRun): Inventory => ({
  ...target,
  state: 'applied',
  madeWith: isAwaited ? target.madeWith : (former?.madeWith ?? null),
  objects: [...target.objects, ...without(former?.objects ?? [], target.objects).filter(holdsData)],
})

const union = (target: Inventory, former: Inventory | null): ObjectRef[] => [
  ...target.objects,
  ...without(former?.objects ?? [], target.objects),
]

function without(refs: readonly ObjectRef[], others: readonly ObjectRef[]): ObjectRef[] {
  const known = new Set(others.map(wordsOf))
  return refs.filter((ref) => !known.has(wordsOf(ref)))
}

/** Null where there is something to write down. A test that passed counts on as long as there is not. */
function upToDate(run: ApplyRun): Inventory | null {
  const { former } = run
  return former !== null && isSameInventory({ ...former, isTested: false }, finalOf(run), run) ? former : null
}

const isSameInventory = (a: Inventory, b: Inventory, { namespace }: Pick<ApplyRun, 'namespace'>): boolean =>
  isSame(inventoryObject(a, namespace), inventoryObject(b, namespace))

/** Nobody else has a say in it, so that what a hand changed in it is put right. */
async function record(
  inventory: Inventory,
  { cluster, namespace, signal }: Pick<ApplyRun, 'cluster' | 'namespace' | 'signal'>,
): Promise<void> {
  const object = inventoryObject(inventory, namespace)
  await unlessInterrupted(signal, interrupted, () => cluster.apply(object, { dryRun: false, force: true }))
}

const take = (step: Step, run: ApplyRun): Promise<void> =>
  unlessInterrupted(run.signal, interrupted, () => takeStep(step, run))

async function takeStep(step: Step, run: ApplyRun): Promise<void> {
  const { cluster, force } = run
  if (step.verb === 'create' && step.ref.kind === 'Secret') await refuseOther(step.ref, run)
  if (step.verb === 'prune') await cluster.remove(step.ref)
  if (step.verb === 'replace') await removeWhole(step.ref, run)
  if (step.verb !== 'keep' && step.wanted !== null) await cluster.apply(step.wanted, { dryRun: false, force })
  run.report(step)
}

/** Ours has other passwords in it, and data may have been opened with these by now. */
async function refuseOther(ref: ObjectRef, { cluster }: ApplyRun): Promise<void> {
  if ((await cluster.get(ref)) === null) return
  throw new StockpipeError('conflict', `${wordsOf(ref)} was made meanwhile`, {
    why: 'another run installs at the same time, and its passwords count',
    hint: 'run the same command again when that one has ended',
  })
}

const GONE_TRIES = 60

/** Its name is free only when it is gone. */
async function removeWhole(ref: ObjectRef, run: ApplyRun): Promise<void> {
  const { cluster, clock, signal } = run
  await cluster.remove(ref)
  for (let tried = 0; (await cluster.get(ref)) !== null; tried++) {
    if (tried >= GONE_TRIES)
      throw new StockpipeError('not-ready', `${wordsOf(ref)} does not go away`, {
        hint: `kubectl describe ${ref.kind.toLowerCase()} ${ref.name}${ref.namespace === null ? '' : ` -n ${ref.namespace}`}`,
      })
    await clock.sleep(1_000, signal)
    refuseInterrupted(run)
  }
}

const interrupted = (): StockpipeError =>
  new StockpipeError('not-ready', 'interrupted: some of it is applied, and some not yet', {
    hint: 'run the same command again: it goes on from here',
  })

function refuseInterrupted({ signal }: ApplyRun): void {
  if (signal.aborted) throw interrupted()
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))]
}
