import { describe, expect, test } from 'bun:test'

import { canary } from '../../test/canary.ts'
import { StockpipeError, toWords } from '../errors.ts'
import { Secrets } from '../secrets.ts'
import { memoryCluster, type MemoryCluster } from './cluster/memory.fixture.ts'
import { diffText } from './diff.ts'
import { install, type Install, NAMESPACE, prepared } from './install.fixture.ts'
import { readInventory } from './inventory.ts'
import { isChange } from './plan.ts'
import { keysOf, learnSecrets } from './secrets.ts'

const secretOf = async (cluster: MemoryCluster, name: string): Promise<Record<string, string>> => {
  const found = await cluster.get({ apiVersion: 'v1', kind: 'Secret', name, namespace: NAMESPACE })
  const data = (found?.['data'] ?? {}) as Record<string, string>
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))
}
const set = (cluster: MemoryCluster, name: string, data: Record<string, string>) =>
  cluster.api.set({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: NAMESPACE },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  })
const saying = (doing: Promise<unknown>) =>
  doing.then(
    () => 'it worked',
    (error: unknown) => {
      expect(error).toBeInstanceOf(StockpipeError)
      return toWords(error)
    },
  )
const TOKEN = { given: new Map([['finnhub/token', canary('finnhub')]]), sets: ['feed=finnhub'] }

describe('the secrets of an installation', () => {
  test('are known to whoever may read them, and nothing fails where one may not', async () => {
    const cluster = memoryCluster()
    await install(cluster, TOKEN)
    const hidden = async () => {
      const secrets = new Secrets()
      await learnSecrets({ cluster, namespace: NAMESPACE, secrets })
      return secrets.hide(`token ${btoa(canary('finnhub'))}`) === 'token ***'
    }
    expect(await hidden()).toBe(true)
    cluster.denied.push({ verb: 'list', group: '', resource: 'secrets', namespace: NAMESPACE })
    expect(await hidden()).toBe(false)
  })

  test('are its own, and those of the user that it reads, not those of others in the namespace', async () => {
    const cluster = memoryCluster()
    cluster.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    const put = (kind: string, name: string, spec: object, labels: Record<string, string>) =>
      cluster.api.set({ apiVersion: 'v1', kind, metadata: { name, namespace: NAMESPACE, labels }, spec })
    set(cluster, 'of-others', { ENABLED: 'true', DATABASE: 'market', password: 'not ours' })
    put('Pod', 'other', podThatReads('of-others'), { app: 'other' })
    set(cluster, 'mine', { username: 'someone', password: canary('writer') })
    await install(cluster, { ...TOKEN, sets: [...TOKEN.sets, 'secrets.cassandraWriter=mine'] })
    set(cluster, 'former', { password: canary('former') })
    put('Pod', 'stockpipe-api-of-before', podThatReads('former'), { 'app.kubernetes.io/part-of': 'stockpipe' })
    const secrets = new Secrets()
    await learnSecrets({ cluster, namespace: NAMESPACE, secrets })
    const text = (...said: string[]) => secrets.hide(said.join(' '))
    expect(text('true', 'market', 'not ours', 'someone')).toBe('true market not ours someone')
    expect(text(canary('finnhub'), canary('writer'), canary('former'))).toBe('*** *** ***')
  })
})

const podThatReads = (secretName: string) => ({
  containers: [{ name: 'main', image: 'x', envFrom: [{ secretRef: { name: secretName } }] }],
})

describe('credentials', () => {
  test('are made once, long and safe to write anywhere, and each its own', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    const all = await Promise.all(
      ['cassandra-superuser', 'cassandra-writer', 'cassandra-reader', 'cassandra-grafana', 'grafana-admin'].map(
        (name) => secretOf(cluster, name),
      ),
    )
    for (const { password } of all) expect(password).toMatch(/^[\w-]{43}$/)
    expect(new Set(all.map(({ password }) => password)).size).toBe(5)
    expect(all.map(({ username }) => username)).toEqual(['superuser', 'writer', 'reader', 'grafana', 'admin'])
    expect((await secretOf(cluster, 'kafka-cluster'))['cluster-id']).toMatch(/^\w[\w-]{21}$/)
    await install(cluster, { sets: ['processor.replicas=2'] })
    expect(await secretOf(cluster, 'cassandra-writer')).toEqual(all[1] ?? {})
  })

  test('that are there already are kept, and what they lack is added', async () => {
    const cluster = memoryCluster()
    cluster.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    set(cluster, 'grafana-admin', { username: 'boss', password: 'chosen' })
    set(cluster, 'cassandra-writer', { username: 'someone' })
    await install(cluster)
    expect(await secretOf(cluster, 'grafana-admin')).toEqual({ username: 'boss', password: 'chosen' })
    const writer = await secretOf(cluster, 'cassandra-writer')
    expect([writer['username'], writer['password']?.length]).toEqual(['someone', 43])
  })

  test('that are others than before make new pods of who reads them, and let the job that sets them up run again', async () => {
    const cluster = memoryCluster()
    await install(cluster, TOKEN)
    const changed = async (how: Install) =>
      (await install(cluster, how)).filter(isChange).map(({ verb, ref }) => `${verb} ${ref.kind} ${ref.name}`)
    expect(await changed({ ...TOKEN, given: new Map([['finnhub/token', 'hunter3-token']]) })).toEqual([
      'change Secret finnhub',
      'change Deployment stockpipe-producer',
    ])
    await cluster.remove({ apiVersion: 'v1', kind: 'Secret', name: 'cassandra-writer', namespace: NAMESPACE })
    expect(await changed({ sets: TOKEN.sets })).toEqual([
      'create Secret cassandra-writer',
      expect.stringMatching(/^replace Job setup-schema-/),
      'change Deployment stockpipe-processor',
    ])
    expect(await changed({ sets: TOKEN.sets })).toEqual([])
  })

  test("that are others make new pods also where Kafka's cluster id is in a Secret of the user", async () => {
    const cluster = memoryCluster()
    cluster.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    set(cluster, 'mine', { 'cluster-id': canary('cluster') })
    const how = { ...TOKEN, sets: [...TOKEN.sets, 'secrets.kafkaCluster=mine'] }
    await install(cluster, how)
    const steps = await install(cluster, { ...how, given: new Map([['finnhub/token', 'hunter3-token']]) })
    expect(steps.filter(isChange).map(({ ref }) => `${ref.kind} ${ref.name}`)).toEqual([
      'Secret finnhub',
      'Deployment stockpipe-producer',
    ])
  })

  test('that only the user knows are asked for, taken when given, and then kept', async () => {
    const cluster = memoryCluster()
    const words = await saying(install(cluster, { sets: ['feed=finnhub'] }))
    expect(words).toContain(`Secret ${NAMESPACE}/finnhub needs token`)
    expect(words).toContain('--finnhub-token-file FILE')
    expect(cluster.api.writes).toEqual([])
    await install(cluster, TOKEN)
    expect(await secretOf(cluster, 'finnhub')).toEqual({ token: canary('finnhub') })
    await install(cluster)
    expect(await secretOf(cluster, 'finnhub')).toEqual({ token: canary('finnhub') })
    await install(cluster, { ...TOKEN, given: new Map([['finnhub/token', 'another']]) })
    expect(await secretOf(cluster, 'finnhub')).toEqual({ token: 'another' })
  })

  test('are never made anew for data that is there', async () => {
    const cluster = memoryCluster()
    cluster.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
    const claim = (name: string) =>
      cluster.api.set({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: NAMESPACE } })
    claim('data-cassandra-0')
    cluster.api.writes.length = 0
    const words = await saying(install(cluster))
    expect(words).toContain(`the data of cassandra is there, but Secret ${NAMESPACE}/cassandra-superuser is not`)
    expect(words).toContain('data-cassandra-0')
    expect(words).toContain('uninstall --delete-data')
    expect(cluster.api.writes).toEqual([])
    set(cluster, 'cassandra-superuser', { username: 'superuser', password: 'from a backup' })
    await install(cluster)
    expect((await secretOf(cluster, 'cassandra-superuser'))['password']).toBe('from a backup')
  })
})

test('no secret is in a diff, in the inventory or in an error', async () => {
  const cluster = memoryCluster()
  await install(cluster, TOKEN)
  const shown: string[] = []
  const fresh = await prepared(memoryCluster(), TOKEN)
  shown.push(diffText(fresh.plan))
  const changed = await prepared(cluster, { ...TOKEN, given: new Map([['finnhub/token', 'another-token']]) })
  const diff = diffText(changed.plan)
  expect(diff).toContain('-  token: (hidden)')
  expect(diff).toContain('+  token: (hidden, another than before)')
  shown.push(diff, JSON.stringify(await readInventory(cluster, NAMESPACE)))
  cluster.api.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'finnhub', namespace: NAMESPACE },
      data: { token: Buffer.from('their-token').toString('base64') },
    },
    { manager: 'kubectl', dryRun: false, force: true },
  )
  const fought = await prepared(cluster, TOKEN)
  shown.push(fought.plan.obstacles.map(toWords).join())
  const secrets = [...(await values(cluster)), canary('finnhub'), 'another-token', 'their-token']
  for (const secret of secrets.flatMap((text) => [text, Buffer.from(text).toString('base64')]))
    expect(shown.join('\n')).not.toContain(secret)
  expect(secrets.length).toBeGreaterThan(8)
})

async function values(cluster: MemoryCluster): Promise<string[]> {
  const secrets = cluster.api.list('Secret', NAMESPACE).filter((object) => keysOf(object).length > 0)
  const all = await Promise.all(secrets.map(({ metadata }) => secretOf(cluster, metadata.name)))
  // Names of logins are words that stand everywhere.
  return all.flatMap((data) => Object.keys(data).flatMap((key) => (key === 'username' ? [] : (data[key] ?? []))))
}
