/** A whole installation in a cluster of memory, as `deploy apply` makes it. */
import { manualClock } from '../clock.ts'
import { Secrets } from '../secrets.ts'
import { applyPlan, type ApplyRun } from './apply.ts'
import type { Cluster } from './cluster.ts'
import type { Wanted } from './intent.ts'
import { readInventory, type Inventory } from './inventory.ts'
import { refOf, type KubeObject } from './object.ts'
import type { Step } from './plan.ts'
import { planFor, prepare, type Prepared } from './prepare.ts'

export const NAMESPACE = 'pipeline'

export interface Install extends Partial<Wanted>, Partial<Pick<ApplyRun, 'wait' | 'isAwaited' | 'signal' | 'force'>> {
  given?: ReadonlyMap<string, string>
  mayBeOlder?: boolean
  /** In place of those of a render, in the order of their waves. */
  objects?: readonly KubeObject[]
}

export async function prepared(cluster: Cluster, install: Install = {}): Promise<Prepared> {
  const { profile = null, namespace = null, files = [], sets = [], hasToken = false } = install
  const { given = new Map(), force = false, mayBeOlder = false } = install
  return prepare({
    cluster,
    wanted: { profile, namespace, files, sets, hasToken },
    given,
    force,
    mayBeOlder,
    secrets: new Secrets(),
  })
}

/** Resolves to the steps that were taken. */
export async function install(cluster: Cluster, how: Install = {}): Promise<Step[]> {
  const { plan, target, former, namespace } = await planned(cluster, how)
  const taken: Step[] = []
  await applyPlan(plan, {
    cluster,
    clock: { ...manualClock(), sleep: () => Promise.resolve() },
    namespace,
    target,
    former,
    force: how.force ?? false,
    report: (step) => taken.push(step),
    wait: how.wait ?? (() => Promise.resolve()),
    isAwaited: how.isAwaited ?? true,
    signal: how.signal ?? new AbortController().signal,
  })
  return taken
}

async function planned(
  cluster: Cluster,
  how: Install,
): Promise<Pick<Prepared, 'plan' | 'former' | 'namespace'> & { target: Inventory }> {
  const { objects, given = new Map(), force = false, mayBeOlder = false } = how
  if (objects === undefined) {
    const whole = await prepared(cluster, how)
    return { ...whole, target: whole.intent.target }
  }
  const identity = await cluster.identity()
  const former = await readInventory(cluster, NAMESPACE)
  const target: Inventory = {
    state: 'applied',
    version: '1.0.0',
    profile: 'minikube',
    cluster: identity.uid ?? '',
    values: '',
    madeWith: null,
    isTested: false,
    objects: objects.map(refOf),
  }
  const asked = { cluster, given, force, mayBeOlder, secrets: new Secrets() }
  const plan = await planFor({ objects, target }, { ...asked, identity, namespace: NAMESPACE, former })
  return { plan, target, former, namespace: NAMESPACE }
}

/** One object of each sort, for what is tried very often. `view`: the name of what shows the data. */
export function fewObjects(view: string | null): KubeObject[] {
  const named = (apiVersion: string, kind: string, name: string, component: string, rest: object = {}): KubeObject => ({
    apiVersion,
    kind,
    metadata: {
      name,
      ...(kind === 'Namespace' ? {} : { namespace: NAMESPACE }),
      labels: {
        'app.kubernetes.io/component': component,
        'app.kubernetes.io/part-of': 'stockpipe',
        'app.kubernetes.io/managed-by': 'stockpipe',
      },
      ...(kind === 'Secret' ? { annotations: { 'stockpipe.dev/keys': 'username,password' } } : {}),
    },
    ...rest,
  })
  const template = { metadata: { labels: {} }, spec: { containers: [] } }
  const spec = { spec: { replicas: 1, template } }
  return [
    named('v1', 'Namespace', NAMESPACE, ''),
    named('v1', 'ServiceAccount', 'kafka', 'log'),
    named('v1', 'ConfigMap', 'stockpipe-config', '', { data: { VIEW: view ?? 'none' } }),
    named('v1', 'Secret', 'cassandra-superuser', 'store'),
    named('apps/v1', 'StatefulSet', 'kafka', 'log', spec),
    named('batch/v1', 'Job', 'setup-schema-1', 'setup', { spec: { template } }),
    named('v1', 'PersistentVolumeClaim', 'stockpipe-producer-spool', 'producer'),
    named('apps/v1', 'Deployment', 'stockpipe-api', 'api', spec),
    ...(view === null ? [] : [named('v1', 'Service', view, 'ui'), named('apps/v1', 'Deployment', view, 'ui', spec)]),
  ]
}
