/** Plans over data that is there: what it was written by, and whether it would go on with what is wanted. */
import { describe, expect, test } from 'bun:test'

import { manualClock } from '../clock.ts'
import { toWords } from '../errors.ts'
import { memoryCluster, type MemoryCluster } from './cluster/memory.fixture.ts'
import { install, NAMESPACE, prepared, type Install } from './install.fixture.ts'
import { readInventory } from './inventory.ts'
import { type KubeObject, refOf } from './object.ts'
import { obstacleError } from './plan.ts'
import { removalOf, uninstall } from './uninstall.ts'

/** As after `uninstall`, which keeps claims and Secrets. */
async function uninstalled(cluster: MemoryCluster, claims: readonly string[], sets: string[] = []): Promise<void> {
  await install(cluster, { sets })
  for (const name of claims) cluster.api.set(claim(name))
  await uninstall(await removalOf(cluster, NAMESPACE, false), {
    cluster,
    clock: manualClock(),
    namespace: NAMESPACE,
    deleteData: false,
    timeoutMs: 1_000,
    report: () => undefined,
    signal: new AbortController().signal,
  })
}
const claim = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: NAMESPACE, labels: { 'app.kubernetes.io/part-of': 'stockpipe' } },
})
const obstacleOf = async (cluster: MemoryCluster, how: Install = {}) =>
  toWords(obstacleError((await prepared(cluster, how)).plan) ?? 'nothing')

describe('the number of servers', () => {
  test('is that of the data that an uninstall kept; the refusal says how to keep it, and how to give it up', async () => {
    const one = memoryCluster()
    await uninstalled(one, ['data-kafka-0', 'data-cassandra-0', 'data-kafka-ui-7', 'other-kafka-3'])
    const words = await obstacleOf(one, { profile: 'ha' })
    expect(words).toContain('Kafka cannot go from 1 to 3 brokers')
    expect(words).toContain('the data of 1 is kept (claim data-kafka-0)')
    expect(words).toContain('--set kafka.replicas=1')
    expect(words).toContain(`stockpipe deploy uninstall --delete-data -n ${NAMESPACE}`)
    expect(await obstacleOf(one, { profile: 'ha', sets: ['kafka.replicas=1'] })).not.toContain('cannot go')
    expect(await obstacleOf(one, { profile: 'minikube' })).not.toContain('cannot go')

    const three = memoryCluster()
    const claims = [0, 1, 2].flatMap((id) => [`data-kafka-${id}`, `data-cassandra-${id}`])
    await uninstalled(three, claims, ['kafka.replicas=3', 'cassandra.replicas=3'])
    const fewer = await obstacleOf(three, { profile: 'minikube' })
    expect(fewer).toContain('Kafka cannot go from 3 to 1 brokers')
    expect(fewer).toContain('Cassandra cannot go from 3 to 1 nodes')
    expect(fewer).toContain('the data of 3 is kept')
    const replicas = (kafka: number, cassandra: number) => [
      `kafka.replicas=${kafka}`,
      `cassandra.replicas=${cassandra}`,
    ]
    for (const sets of [replicas(3, 3), replicas(3, 5)])
      expect(await obstacleOf(three, { sets })).not.toContain('cannot')
    await three.remove(refOf(claim('data-kafka-2')))
    expect(await obstacleOf(three, { sets: replicas(3, 3) })).not.toContain('cannot')
  })

  test('is kept by servers that were stopped', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    cluster.api.set(claim('data-kafka-0'))
    for (const name of ['kafka', 'cassandra']) {
      const metadata = { name, namespace: NAMESPACE }
      cluster.api.set({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: { replicas: 0 } })
    }
    const start = { force: true, sets: ['kafka.replicas=3'] }
    expect(await obstacleOf(cluster, start)).toContain('Kafka cannot go from 1 to 3 brokers')
    expect(await obstacleOf(cluster, { force: true })).toContain('nothing')
  })
})

describe('log and store', () => {
  const FINNHUB = { sets: ['feed=finnhub'], given: new Map([['finnhub/token', 'hunter2']]) }
  const ELSEWHERE = ['settings.kafka-topic=more', 'settings.cassandra-keyspace=more']

  test('keep the partitions that they were made with, which is said before the settings are written', async () => {
    const cluster = memoryCluster()
    await install(cluster, { sets: ['settings.partitions=6'] })
    cluster.api.writes.length = 0
    for (const sets of [['settings.partitions=24'], ['api.replicas=2']]) {
      const words = await obstacleOf(cluster, { sets })
      expect(words).toContain('topic market keeps its 6 partitions')
      expect(words).toContain('--set settings.partitions=6')
      expect(words).toContain(`stockpipe deploy uninstall --delete-data -n ${NAMESPACE}`)
    }
    for (const sets of [[], ['settings.partitions=6', 'api.replicas=2'], ['settings.partitions=24', ...ELSEWHERE]])
      expect(await obstacleOf(cluster, { sets })).toContain('nothing')
    expect(cluster.api.writes).toEqual([])
  })

  test('of real trades take no simulated ones, and the other way round', async () => {
    const real = memoryCluster()
    await install(real, FINNHUB)
    const words = await obstacleOf(real, { sets: ['api.replicas=2'] })
    expect(words).toContain(`what is in ${NAMESPACE} is of feed=finnhub, and feed=simulated is wanted`)
    expect(words).toContain('do not mix')
    expect(words).toContain('add --set feed=finnhub')
    expect(await obstacleOf(real)).toContain('nothing')
    expect(await obstacleOf(real, { sets: ['feed=finnhub', 'api.replicas=2'] })).toContain('nothing')
    expect(await obstacleOf(real, { sets: ELSEWHERE })).toContain('nothing')
    expect(await obstacleOf(real, { sets: ELSEWHERE.slice(1) })).toContain('do not mix')

    const simulated = memoryCluster()
    await install(simulated)
    expect(await obstacleOf(simulated, FINNHUB)).toContain('add --set feed=simulated')
  })

  test('of which a run would change more than one thing tell what to do about each', async () => {
    const cluster = memoryCluster()
    await install(cluster, { ...FINNHUB, sets: [...FINNHUB.sets, 'settings.partitions=6'] })
    const words = await obstacleOf(cluster, { sets: ['api.replicas=2'] })
    expect(words).toContain('--set settings.partitions=6')
    expect(words).toContain('add --set feed=finnhub')
  })

  test('are known by what worked: a wrong wish that never did can be taken back', async () => {
    const cluster = memoryCluster()
    const fails = { ...FINNHUB, wait: () => Promise.reject(new Error('it does not come up')) }
    await install(cluster, fails).catch(() => undefined)
    expect((await readInventory(cluster, NAMESPACE))?.state).toBe('applying')
    expect(await obstacleOf(cluster, { sets: ['settings.partitions=24'] })).toContain('nothing')
    await install(cluster, { sets: ['feed=simulated'] })
    await install(cluster, { ...fails, sets: ['ui=none', 'feed=finnhub'] }).catch(() => undefined)
    expect(await obstacleOf(cluster, { sets: ['settings.partitions=24', 'feed=finnhub'] })).toContain('do not mix')
  })

  test('are known by a producer that is ready, where nobody waited', async () => {
    const cluster = memoryCluster()
    const other = { sets: ['settings.partitions=24'] }
    await install(cluster, { isAwaited: false })
    expect(await obstacleOf(cluster, other)).toContain('nothing')
    const producer = (status: object) =>
      cluster.api.set({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'stockpipe-producer', namespace: NAMESPACE },
        status,
      })
    const ready = { observedGeneration: 99, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
    producer({ ...ready, availableReplicas: 0 })
    expect(await obstacleOf(cluster, other)).toContain('nothing')
    // Stopped by hand: it has shown nothing.
    producer({ observedGeneration: 99 })
    expect(await obstacleOf(cluster, other)).toContain('nothing')
    producer(ready)
    expect(await obstacleOf(cluster, other)).toContain('topic market keeps its 12 partitions')
  })
})
