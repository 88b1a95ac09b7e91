import { describe, expect, test } from 'bun:test'

import { StockpipeError, toWords } from '../errors.ts'
import { applyPlan } from './apply.ts'
import { memoryCluster, type MemoryCluster } from './cluster/memory.fixture.ts'
import { fewObjects, install, NAMESPACE, prepared, type Install } from './install.fixture.ts'
import { INVENTORY, inventoryObject, readInventory } from './inventory.ts'
import { refOf, wordsOf, type KubeObject, type ObjectRef } from './object.ts'
import { isChange, obstacleError, summaryOf } from './plan.ts'
import { waveOf, WAVES } from './waves.ts'

const ref = (apiVersion: string, kind: string, name: string): ObjectRef => ({
  apiVersion,
  kind,
  name,
  namespace: NAMESPACE,
})
const get = async (cluster: MemoryCluster, wanted: ObjectRef): Promise<KubeObject> => {
  const found = await cluster.get(wanted)
  if (!found) throw new Error(`no ${wordsOf(wanted)}`)
  return found
}
const saying = (doing: Promise<unknown>) =>
  doing.then(
    () => 'it worked',
    (error: unknown) => {
      expect(error).toBeInstanceOf(StockpipeError)
      return toWords(error)
    },
  )
/** What is there, without what differs from one run to the next. */
const content = (cluster: MemoryCluster): Record<string, unknown> =>
  Object.fromEntries(
    [
      'ConfigMap',
      'Secret',
      'Service',
      'ServiceAccount',
      'NetworkPolicy',
      'StatefulSet',
      'Deployment',
      'Job',
      'Namespace',
    ]
      .flatMap((kind) => cluster.api.list(kind, null))
      .filter(({ metadata }) => metadata['managedFields'] !== undefined)
      .map((object) => [wordsOf(refOf(object)), [object['spec'], object.kind === 'Secret' ? null : object['data']]]),
  )

describe('an installation', () => {
  test('is made in waves, and what it will be is written down before the first of them', async () => {
    const cluster = memoryCluster()
    const waves: string[] = []
    await install(cluster, {
      wait: (wave, objects) => {
        waves.push(wave)
        expect(objects.map(waveOf)).toEqual(objects.map(() => wave))
        return Promise.resolve()
      },
    })
    expect(waves).toEqual([...WAVES])
    expect(cluster.api.writes.slice(0, 2)).toEqual([
      `apply Namespace ${NAMESPACE}`,
      `apply ConfigMap ${NAMESPACE}/${INVENTORY}`,
    ])
    const place = (words: string) => cluster.api.writes.indexOf(`apply ${words}`)
    expect(place(`StatefulSet ${NAMESPACE}/kafka`)).toBeGreaterThan(place(`Secret ${NAMESPACE}/kafka-cluster`))
    expect(place(`Deployment ${NAMESPACE}/stockpipe-api`)).toBeGreaterThan(place(`StatefulSet ${NAMESPACE}/cassandra`))
    expect(place(`Deployment ${NAMESPACE}/grafana`)).toBeGreaterThan(place(`Deployment ${NAMESPACE}/stockpipe-api`))
    const inventory = await readInventory(cluster, NAMESPACE)
    expect(inventory).toMatchObject({ state: 'applied', profile: 'minikube', cluster: cluster.uid })
    expect(inventory?.objects.length).toBeGreaterThan(30)
  })

  test('a second time writes nothing', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    cluster.api.writes.length = 0
    const steps = await install(cluster)
    expect(cluster.api.writes).toEqual([])
    expect(steps.filter(isChange)).toEqual([])
    expect(steps.length).toBeGreaterThan(30)
  })

  test('writes only what differs when a value does, and keeps the values of the last run', async () => {
    const cluster = memoryCluster()
    await install(cluster, { sets: ['processor.replicas=2'] })
    expect(summaryOf((await prepared(cluster)).plan)).toMatch(/^\d+ unchanged$/)
    const steps = await install(cluster, { sets: ['processor.replicas=3'] })
    expect(steps.filter(isChange).map(({ ref }) => wordsOf(ref))).toEqual([
      `Deployment ${NAMESPACE}/stockpipe-processor`,
    ])
    const processor = await get(cluster, ref('apps/v1', 'Deployment', 'stockpipe-processor'))
    expect(processor['spec']).toMatchObject({ replicas: 3 })
  })

  test('hands the number of pods over to an autoscaler without ending any of them', async () => {
    const cluster = memoryCluster()
    await install(cluster, { sets: ['processor.replicas=3'] })
    const scaled = { sets: ['processor.autoscaling.by=hpa'] }
    const processor = ref('apps/v1', 'Deployment', 'stockpipe-processor')
    await install(cluster, scaled)
    expect((await get(cluster, processor))['spec']).toMatchObject({ replicas: 3 })
    expect((await install(cluster, scaled)).filter(isChange)).toEqual([])
    const { apiVersion, kind } = processor
    const metadata = { name: processor.name, namespace: NAMESPACE }
    cluster.api.set({ apiVersion, kind, metadata, spec: { replicas: 2 } })
    await install(cluster, scaled)
    expect((await get(cluster, processor))['spec']).toMatchObject({ replicas: 2 })
  })

  test('of two runs at the same time the later one makes no other passwords', async () => {
    const cluster = memoryCluster()
    const objects = fewObjects(null)
    const late = await prepared(cluster)
    await install(cluster, { objects })
    const secret = ref('v1', 'Secret', 'cassandra-superuser')
    const { data } = await get(cluster, secret)
    const { plan, namespace, former, intent } = late
    const run = {
      cluster,
      namespace,
      former,
      target: intent.target,
      force: false,
      isAwaited: true,
      clock: { sleep: async () => {} },
    }
    const signal = new AbortController().signal
    const done = applyPlan(plan, { ...run, report: () => undefined, wait: () => Promise.resolve(), signal })
    expect(await saying(done)).toContain('Secret pipeline/cassandra-superuser was made meanwhile')
    expect((await get(cluster, secret))['data']).toEqual(data)
  })

  test('takes over what others made alike', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const service = await get(cluster, ref('v1', 'Service', 'grafana'))
    await cluster.remove(refOf(service))
    const {
      managedFields: _1,
      resourceVersion: _2,
      uid: _3,
      creationTimestamp: _4,
      generation: _5,
      ...metadata
    } = service.metadata
    cluster.api.set({ ...service, metadata })
    const steps = await install(cluster)
    expect(steps.filter(isChange).map(({ verb, ref }) => [verb, ref.name])).toEqual([['change', 'grafana']])
    expect((await install(cluster)).filter(isChange)).toEqual([])
  })
})

describe('a run that was cut short', () => {
  /** After how many writes. */
  async function cutAfter(writes: number, cluster: MemoryCluster, how: Install): Promise<boolean> {
    let left = writes
    cluster.api.beforeWrite = () => {
      if (left-- <= 0) throw new Error('killed')
    }
    try {
      await install(cluster, how)
      return false
    } catch (error) {
      expect(error).toMatchObject({ message: 'killed' })
      return true
    } finally {
      cluster.api.beforeWrite = () => undefined
    }
  }

  test('is finished by the next one, wherever it was cut', async () => {
    const how = { objects: fewObjects('grafana') }
    const whole = memoryCluster()
    await install(whole, how)
    let cuts = 0
    for (let writes = 0; ; writes++) {
      const cluster = memoryCluster()
      if (!(await cutAfter(writes, cluster, how))) break
      cuts++
      const secrets = await cluster.list({ apiVersion: 'v1', kind: 'Secret', namespace: NAMESPACE })
      await install(cluster, how)
      expect(content(cluster)).toEqual(content(whole))
      for (const secret of secrets) expect(await cluster.get(refOf(secret))).toEqual(secret)
      cluster.api.writes.length = 0
      await install(cluster, how)
      expect(cluster.api.writes).toEqual([])
    }
    expect(cuts).toBe(whole.api.writes.length)
  })

  test('leaves nothing behind of what it had made and the next one does not want', async () => {
    const [none, kafdrop] = [{ objects: fewObjects(null) }, { objects: fewObjects('kafdrop') }]
    const plain = memoryCluster()
    await install(plain, none)
    for (const how of [{ objects: fewObjects('kafbat') }, none]) {
      let cuts = 0
      for (let writes = 0; ; writes++) {
        const cluster = memoryCluster()
        await install(cluster, how)
        if (!(await cutAfter(writes, cluster, kafdrop))) break
        cuts++
        await install(cluster, none)
        expect(content(cluster)).toEqual(content(plain))
      }
      expect(cuts).toBeGreaterThan(3)
    }
  })

  test('stops between two writes when it is told to, and says how to go on', async () => {
    const cluster = memoryCluster()
    const stop = new AbortController()
    const wait: Install['wait'] = (wave) => {
      if (wave === 'servers') stop.abort()
      return Promise.resolve()
    }
    const words = await saying(install(cluster, { wait, signal: stop.signal }))
    expect(words).toContain('interrupted')
    expect(words).toContain('run the same command again')
    expect((await readInventory(cluster, NAMESPACE))?.state).toBe('applying')
    expect(cluster.api.list('Deployment', NAMESPACE)).toEqual([])
    await install(cluster)
    expect((await readInventory(cluster, NAMESPACE))?.state).toBe('applied')
  })
})

describe('what is wanted no more', () => {
  test('goes, if it was ours', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    cluster.api.set({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'theirs', namespace: NAMESPACE } })
    const steps = await install(cluster, { sets: ['ui=none'] })
    const gone = steps.filter(({ verb }) => verb === 'prune').map(({ ref }) => wordsOf(ref))
    expect(gone).toContain(`Deployment ${NAMESPACE}/kafka-ui`)
    expect(await cluster.get(ref('apps/v1', 'Deployment', 'kafka-ui'))).toBeNull()
    expect(await cluster.get(ref('v1', 'ConfigMap', 'theirs'))).not.toBeNull()
    expect((await readInventory(cluster, NAMESPACE))?.objects.map(({ name }) => name)).not.toContain('kafka-ui')
  })

  test('stays where it holds data or opens it, and stays known', async () => {
    const cluster = memoryCluster()
    await install(cluster, { given: new Map([['finnhub/token', 'hunter2']]), sets: ['feed=finnhub'] })
    const other = ['settings.kafka-topic=other', 'settings.cassandra-keyspace=other']
    const steps = await install(cluster, { sets: [...other, 'feed=simulated', 'grafana.enabled=false'] })
    expect(steps.filter(({ verb }) => verb === 'prune').map(({ ref }) => ref.kind)).not.toContain('Secret')
    for (const name of ['finnhub', 'grafana-admin']) expect(await cluster.get(ref('v1', 'Secret', name))).not.toBeNull()
    const names = (await readInventory(cluster, NAMESPACE))?.objects.map(({ name }) => name)
    expect(names).toContain('finnhub')
    cluster.api.writes.length = 0
    await install(cluster)
    expect(cluster.api.writes).toEqual([])
  })
})

describe('what is in the way', () => {
  test('a field of another is named with who has it, and is taken only when told', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const patch = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'stockpipe-config', namespace: NAMESPACE },
      data: { STOCKPIPE_FEED: 'theirs' },
    }
    cluster.api.apply(patch, { manager: 'kubectl-edit', dryRun: false, force: true })
    cluster.api.writes.length = 0
    const { plan } = await prepared(cluster)
    const words = toWords(obstacleError(plan))
    expect(words).toContain(`apply ConfigMap ${NAMESPACE}/stockpipe-config`)
    expect(words).toContain('.data.STOCKPIPE_FEED (kubectl-edit)')
    expect(words).toContain('--force-conflicts')
    expect(cluster.api.writes).toEqual([])
    await install(cluster, { force: true })
    expect(await get(cluster, refOf(patch))).toMatchObject({ data: { STOCKPIPE_FEED: 'simulated' } })
    expect(obstacleError((await prepared(cluster)).plan)).toBeNull()
  })

  test('a field that cannot change is named, with the way around', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const { plan } = await prepared(cluster, { sets: ['cassandra.storage=99Gi'] })
    const words = toWords(obstacleError(plan))
    expect(words).toContain(`StatefulSet ${NAMESPACE}/cassandra cannot change spec.volumeClaimTemplates`)
    expect(words).toContain(`kubectl delete statefulset cassandra -n ${NAMESPACE} --cascade=orphan`)
  })

  test('more brokers are refused with the reason, and every obstacle is told at once', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const { plan } = await prepared(cluster, { sets: ['kafka.replicas=3', 'cassandra.storage=99Gi'] })
    const words = toWords(obstacleError(plan))
    expect(words).toContain('would refuse 2 objects')
    expect(words).toContain('Kafka cannot go from 1 to 3 brokers')
    expect(words).toContain('cassandra cannot change')
  })

  test('a missing right ends it before anything is written', async () => {
    const cluster = memoryCluster()
    cluster.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    cluster.api.writes.length = 0
    cluster.denied.push({ verb: 'patch', group: 'apps', resource: 'deployments', namespace: NAMESPACE })
    const words = await saying(install(cluster))
    expect(words).toContain(`may not patch deployments.apps in the namespace ${NAMESPACE}`)
    expect(words).toContain('{ apiGroups: [apps], resources: [deployments], verbs: [patch] }')
    expect(cluster.api.writes).toEqual([])
  })

  test('a Job that failed is made again', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const [job] = cluster.api.list('Job', NAMESPACE)
    if (!job) throw new Error('no Job')
    const status = { conditions: [{ type: 'Failed', status: 'True' }] }
    const { apiVersion, kind, metadata } = job
    cluster.api.apply(
      { apiVersion, kind, metadata: { name: metadata.name, namespace: NAMESPACE }, status },
      { manager: 'job-controller', dryRun: false, force: true },
    )
    const steps = await install(cluster)
    expect(steps.filter(isChange).map(({ verb, ref }) => [verb, ref.name])).toEqual([['replace', metadata.name]])
    expect((await get(cluster, refOf(job))).metadata['uid']).not.toBe(metadata['uid'])
    expect((await install(cluster)).filter(isChange)).toEqual([])
  })
})

test('a Secret that changed makes the pods anew that read it, and no others', async () => {
  const cluster = memoryCluster()
  const sets = ['feed=finnhub']
  const token = (text: string) => ({ sets, given: new Map([['finnhub/token', text]]) })
  await install(cluster, token('first'))
  cluster.api.writes.length = 0
  await install(cluster, token('first'))
  expect(cluster.api.writes).toEqual([])
  await install(cluster, token('second'))
  const written = cluster.api.writes.filter((line) => !line.includes('stockpipe-inventory'))
  expect(written).toEqual([`apply Secret ${NAMESPACE}/finnhub`, `apply Deployment ${NAMESPACE}/stockpipe-producer`])
})

test('a count of Cassandra nodes that would lose rows is refused; more of them may come', async () => {
  const cluster = memoryCluster()
  await install(cluster, { sets: ['cassandra.replicas=3'] })
  const words = toWords(obstacleError((await prepared(cluster, { sets: ['cassandra.replicas=2'] })).plan))
  expect(words).toContain('Cassandra cannot go from 3 to 2 nodes by itself')
  expect(words).toContain('nodetool decommission on the last node (cassandra-2)')
  expect(obstacleError((await prepared(cluster, { sets: ['cassandra.replicas=4'] })).plan)).toBeNull()
})

test('values are kept as they were written: a text that looks like a truth or a number stays one', async () => {
  const cluster = memoryCluster()
  await install(cluster, { sets: ['nodeSelector.spot=yes', 'nodeSelector.pool=0o17', 'nodeSelector.zone=12:30'] })
  cluster.api.writes.length = 0
  await install(cluster)
  expect(cluster.api.writes).toEqual([])
})

describe('an installation of somebody else', () => {
  test('of another cluster is left alone', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    cluster.uid = 'uid-of-another'
    cluster.api.writes.length = 0
    const words = await saying(install(cluster))
    expect(words).toContain(`what is in ${NAMESPACE} was applied to another cluster`)
    expect(words).toContain('uid-of-another')
    expect(cluster.api.writes).toEqual([])
  })

  test('of a newer version is left alone, until somebody means it', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const inventory = await readInventory(cluster, NAMESPACE)
    if (!inventory) throw new Error('no inventory')
    await cluster.apply(inventoryObject({ ...inventory, version: '99.0.0' }, NAMESPACE), { dryRun: false, force: true })
    cluster.api.writes.length = 0
    expect(await saying(install(cluster))).toContain(`${NAMESPACE} was installed by stockpipe 99.0.0`)
    expect(cluster.api.writes).toEqual([])
    await install(cluster, { mayBeOlder: true })
    expect(await readInventory(cluster, NAMESPACE)).toEqual(inventory)
  })

  test('whose inventory cannot be read is left alone', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const broken = { ...ref('v1', 'ConfigMap', INVENTORY) }
    cluster.api.set({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: broken.name, namespace: NAMESPACE },
      data: { objects: 'everything' },
    })
    expect(await saying(install(cluster))).toContain('is not as we wrote it')
  })
})
