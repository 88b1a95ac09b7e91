import { expect, test } from 'bun:test'

import { StockpipeError, toWords } from '../errors.ts'
import { manualClock } from '../clock.ts'
import { KINDS as PLURALS } from './cluster/api.fixture.ts'
import { memoryCluster, type MemoryCluster } from './cluster/memory.fixture.ts'
import { fewObjects, install, NAMESPACE, type Install } from './install.fixture.ts'
import { readInventory } from './inventory.ts'
import { refOf, wordsOf, type KubeObject } from './object.ts'
import { removalOf, uninstall } from './uninstall.ts'

const clock = { ...manualClock(), sleep: () => Promise.resolve() }

async function remove(cluster: MemoryCluster, deleteData = false): Promise<string[]> {
  const removal = await removalOf(cluster, NAMESPACE, deleteData)
  const { signal } = new AbortController()
  const run = { cluster, clock, namespace: NAMESPACE, deleteData, timeoutMs: 1_000, report: () => undefined, signal }
  return (await uninstall(removal, run)).map(wordsOf)
}

const KINDS = ['ConfigMap', 'Secret', 'Service', 'ServiceAccount', 'NetworkPolicy', 'StatefulSet', 'Deployment', 'Job']
const left = (cluster: MemoryCluster): string[] =>
  [...KINDS, 'PersistentVolumeClaim']
    .flatMap((kind) => cluster.api.list(kind, NAMESPACE))
    .map((it) => wordsOf(refOf(it)))

const rightOf = (apiVersion: string, kind: string): [group: string, resource: string] => [
  apiVersion.split('/').slice(0, -1).join(),
  PLURALS[apiVersion]?.[kind] ?? '',
]

async function installed(how: Install = {}): Promise<MemoryCluster> {
  const cluster = memoryCluster()
  await install(cluster, how)
  // As the controller of StatefulSets makes it.
  const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
  const claim = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: NAMESPACE, labels },
  })
  cluster.api.set(claim('data-kafka-0'))
  cluster.api.set(claim('data-cassandra-0'))
  cluster.api.writes.length = 0
  return cluster
}

test('everything goes but data and what opens it, which is listed; a later apply finds it again', async () => {
  const cluster = await installed()
  const secrets = cluster.api.list('Secret', NAMESPACE)
  const stays = await remove(cluster)
  expect(stays).toContain(`Namespace ${NAMESPACE}`)
  expect(stays).toContain(`PersistentVolumeClaim ${NAMESPACE}/data-kafka-0`)
  expect(stays).toContain(`PersistentVolumeClaim ${NAMESPACE}/stockpipe-producer-spool`)
  expect(stays).toContain(`Secret ${NAMESPACE}/cassandra-superuser`)
  expect(left(cluster).sort()).toEqual(stays.filter((words) => !words.startsWith('Namespace')).sort())
  await install(cluster)
  expect(cluster.api.list('Secret', NAMESPACE).map((it) => it['data'])).toEqual(secrets.map((it) => it['data']))
})

test('the data goes when it is told to, and the namespace with it', async () => {
  const cluster = await installed()
  expect(await remove(cluster, true)).toEqual([])
  expect(left(cluster)).toEqual([])
  expect(cluster.api.list('Namespace', null).map(({ metadata }) => metadata.name)).not.toContain(NAMESPACE)
})

test('the data goes also when all else went before', async () => {
  const cluster = await installed()
  await remove(cluster)
  expect(await remove(cluster, true)).toEqual([])
  expect(left(cluster)).toEqual([])
})

test('a namespace stays that holds something else, or that we did not make', async () => {
  const cluster = await installed()
  const theirs = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'theirs', namespace: NAMESPACE } }
  cluster.api.set(theirs)
  expect(await remove(cluster, true)).toEqual([`Namespace ${NAMESPACE}`])
  expect(left(cluster)).toEqual([`Deployment ${NAMESPACE}/theirs`])
})

test('a Secret that somebody put there saves the namespace, too; the token of an account does not', async () => {
  const cluster = await installed()
  const secret = (name: string, type: string) =>
    cluster.api.set({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE }, type })
  secret('default-token-x2x', 'kubernetes.io/service-account-token')
  expect((await removalOf(cluster, NAMESPACE, true)).namespace).not.toBeNull()
  secret('registry', 'kubernetes.io/dockerconfigjson')
  expect(await remove(cluster, true)).toEqual([`Namespace ${NAMESPACE}`])
  expect(left(cluster)).toContain(`Secret ${NAMESPACE}/registry`)
})

const OTHERS: readonly (readonly [apiVersion: string, kind: string])[] = [
  ['v1', 'ConfigMap'],
  ['v1', 'Service'],
  ['v1', 'PersistentVolumeClaim'],
  ['v1', 'Pod'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'DaemonSet'],
  ['apps/v1', 'ReplicaSet'],
  ['batch/v1', 'Job'],
  ['batch/v1', 'CronJob'],
  ['networking.k8s.io/v1', 'Ingress'],
]

const theirs = (apiVersion: string, kind: string): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'theirs', namespace: NAMESPACE },
})

test.each(OTHERS)('of %s a %s of somebody saves the namespace, and stays', async (apiVersion, kind) => {
  const cluster = await installed({ objects: fewObjects('grafana') })
  cluster.api.set(theirs(apiVersion, kind))
  expect((await removalOf(cluster, NAMESPACE, true)).foreign.map(wordsOf)).toEqual([`${kind} ${NAMESPACE}/theirs`])
  expect(await remove(cluster, true)).toEqual([`Namespace ${NAMESPACE}`])
  expect(cluster.api.list(kind, NAMESPACE).map(({ metadata }) => metadata.name)).toEqual(['theirs'])
})

/** Without these nothing at all can be uninstalled. */
const NEEDED = ['Job', 'PersistentVolumeClaim']

test.each(OTHERS.filter(([, kind]) => !NEEDED.includes(kind)))(
  'of %s a %s may be there where nobody may list them, and the namespace stays',
  async (apiVersion, kind) => {
    const cluster = await installed({ objects: fewObjects('grafana') })
    cluster.api.set(theirs(apiVersion, kind))
    const [group, resource] = rightOf(apiVersion, kind)
    cluster.denied.push({ verb: 'list', group, resource, namespace: NAMESPACE })
    const removal = await removalOf(cluster, NAMESPACE, true)
    expect([removal.namespace, removal.foreign, removal.unseen]).toEqual([null, [], [kind]])
  },
)

test('what the cluster makes by itself, or for something that is listed anyway, saves nothing', async () => {
  const cluster = await installed({ objects: fewObjects('grafana') })
  const made = (kind: string, name: string, owner?: string) =>
    cluster.api.set({
      apiVersion: 'v1',
      kind,
      metadata: {
        name,
        namespace: NAMESPACE,
        ...(owner === undefined ? {} : { ownerReferences: [{ kind: owner, name: 'x', uid: 'x' }] }),
      },
    })
  made('ConfigMap', 'kube-root-ca.crt')
  made('Pod', 'grafana-5f-x', 'ReplicaSet')
  expect((await removalOf(cluster, NAMESPACE, true)).namespace).not.toBeNull()
  made('Pod', 'broker-0', 'StrimziPodSet')
  expect((await removalOf(cluster, NAMESPACE, true)).foreign.map(wordsOf)).toEqual([`Pod ${NAMESPACE}/broker-0`])
})

test('a run that was cut short is finished by the next one, wherever it was cut', async () => {
  let cuts = 0
  for (let writes = 0; ; writes++) {
    const cluster = await installed({ objects: fewObjects('grafana') })
    let more = writes
    cluster.api.beforeWrite = () => {
      if (more-- <= 0) throw new Error('killed')
    }
    const isCut = await remove(cluster, true).then(
      () => false,
      () => true,
    )
    cluster.api.beforeWrite = () => undefined
    if (!isCut) break
    cuts++
    expect(await remove(cluster, true)).toEqual([])
    expect(left(cluster)).toEqual([])
  }
  expect(cuts).toBeGreaterThan(10)
})

test('pods that do not end keep the data, and are named', async () => {
  const cluster = await installed()
  const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
  cluster.api.set({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'kafka-0', namespace: NAMESPACE, labels } })
  let elapsed = 0
  const slow = { sleep: clock.sleep, elapsed: () => (elapsed += 600) }
  const removal = await removalOf(cluster, NAMESPACE, true)
  const { signal } = new AbortController()
  const limits = { timeoutMs: 1_000, report: () => undefined, signal }
  const run = { cluster, clock: slow, namespace: NAMESPACE, deleteData: true, ...limits }
  const error: unknown = await uninstall(removal, run).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(StockpipeError)
  expect(toWords(error)).toContain('1 pods in pipeline do not end')
  expect(left(cluster)).toContain(`PersistentVolumeClaim ${NAMESPACE}/data-kafka-0`)
})

test('Ctrl-C while pods end is no success: what is installed stays known, and the next run goes on', async () => {
  const cluster = await installed()
  const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
  cluster.api.set({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'kafka-0', namespace: NAMESPACE, labels } })
  const stop = new AbortController()
  const impatient = { ...clock, sleep: () => Promise.resolve(stop.abort()) }
  const removal = await removalOf(cluster, NAMESPACE, false)
  const run = { cluster, clock: impatient, namespace: NAMESPACE, deleteData: false, timeoutMs: 1_000 }
  const done = uninstall(removal, { ...run, report: () => undefined, signal: stop.signal })
  expect(toWords(await done.catch((error: unknown) => error))).toContain('interrupted')
  expect((await readInventory(cluster, NAMESPACE))?.state).toBe('removing')
})
