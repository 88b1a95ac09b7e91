/** What every Cluster promises. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { StockpipeError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { refOf, type KubeObject } from './object.ts'

export interface ClusterUnderTest {
  cluster: Cluster
  /** Writes as somebody else does, taking what fields it sets. */
  applyAsOther(object: KubeObject): Promise<void>
  /** Of its own, and gone afterwards. */
  namespace: string
}

const STORED = { dryRun: false, force: false }
const DRY = { dryRun: true, force: false }

export function describeCluster(name: string, open: () => Promise<ClusterUnderTest & AsyncDisposable>): void {
  describe(name, () => {
    let under: ClusterUnderTest & AsyncDisposable
    beforeAll(async () => {
      under = await open()
    }, 30_000)
    afterAll(() => under[Symbol.asyncDispose](), 60_000)

    const settings = (name: string, data: Record<string, string>): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: under.namespace, labels: { suite: name } },
      data,
    })
    const apply = (object: KubeObject, options = STORED) => under.cluster.apply(object, options)
    const failure = async (doing: Promise<unknown>): Promise<StockpipeError> => {
      const error: unknown = await doing.then(
        () => null,
        (error: unknown) => error,
      )
      expect(error).toBeInstanceOf(StockpipeError)
      return error as StockpipeError
    }

    test('says which cluster it is, the same each time', async () => {
      const first = await under.cluster.identity()
      expect(first.version).toMatch(/^1\.\d+\.\d+/)
      expect(first.uid).toBeString()
      expect(await under.cluster.identity()).toEqual(first)
    })

    test('what is applied can be read, and is named whole', async () => {
      const applied = await apply(settings('whole', { a: '1' }))
      expect(applied).toMatchObject({ kind: 'ConfigMap', data: { a: '1' }, metadata: { name: 'whole' } })
      expect(await under.cluster.get(refOf(applied))).toEqual(applied)
    })

    test('what is not there is null, and so is what is of a kind that nobody knows', async () => {
      const nothing = { ...refOf(settings('nothing', {})), name: 'nothing' }
      expect(await under.cluster.get(nothing)).toBeNull()
      expect(await under.cluster.get({ ...nothing, apiVersion: 'example.invalid/v1', kind: 'Dream' })).toBeNull()
    })

    test('what is left out of the next apply is gone, and what others set stays', async () => {
      await apply(settings('merged', { mine: '1', old: '2' }))
      await under.applyAsOther(settings('merged', { theirs: '3' }))
      const applied = await apply(settings('merged', { mine: '1' }))
      expect(applied['data']).toEqual({ mine: '1', theirs: '3' })
    })

    test('an apply that changes nothing leaves the version alone', async () => {
      const first = await apply(settings('same', { a: '1' }))
      const second = await apply(settings('same', { a: '1' }))
      expect(second.metadata['resourceVersion']).toBe(first.metadata['resourceVersion'])
    })

    test('a dry run answers what would be, and stores nothing', async () => {
      const before = await apply(settings('dry', { a: '1' }))
      const dry = await apply(settings('dry', { a: '2', b: '3' }), DRY)
      expect(dry['data']).toEqual({ a: '2', b: '3' })
      expect(await under.cluster.get(refOf(before))).toEqual(before)
      const fresh = await apply(settings('dry-fresh', { a: '1' }), DRY)
      expect(fresh['data']).toEqual({ a: '1' })
      expect(await under.cluster.get(refOf(fresh))).toBeNull()
    })

    test('a field of another is a conflict that names both, and can be taken', async () => {
      await under.applyAsOther(settings('fought', { a: 'theirs' }))
      const error = await failure(apply(settings('fought', { a: 'mine' })))
      expect([error.code, error.message]).toEqual([
        'conflict',
        expect.stringContaining(`apply ConfigMap ${under.namespace}/fought`),
      ])
      expect(error.why).toMatch(/\.data\.a \([\w-]+\)/)
      expect((await apply(settings('fought', { a: 'mine' }), { dryRun: false, force: true }))['data']).toEqual({
        a: 'mine',
      })
    })

    test('a list holds every object of the kind, however many, and no others', async () => {
      const names = ['l1', 'l2', 'l3', 'l4', 'l5', 'l6', 'l7']
      for (const name of names) {
        const object = settings(name, {})
        await apply({ ...object, metadata: { ...object.metadata, labels: { suite: 'list', name } } })
      }
      const query = { apiVersion: 'v1', kind: 'ConfigMap', namespace: under.namespace }
      const listed = await under.cluster.list({ ...query, labels: { suite: 'list' } })
      expect(listed.map(({ metadata }) => metadata.name).sort()).toEqual(names)
      expect(listed.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual(names.map(() => 'v1 ConfigMap'))
      const one = await under.cluster.list({ ...query, labels: { suite: 'list', name: 'l2' } })
      expect(one.map(({ metadata }) => metadata.name)).toEqual(['l2'])
    })

    test('what is removed is gone, and removing it again is no error', async () => {
      const applied = await apply(settings('removed', {}))
      await under.cluster.remove(refOf(applied))
      expect(await under.cluster.get(refOf(applied))).toBeNull()
      await under.cluster.remove(refOf(applied))
    })

    test('a dry run of a removal takes nothing away', async () => {
      const applied = await apply(settings('stays', {}))
      await under.cluster.remove(refOf(applied), { dryRun: true })
      expect(await under.cluster.get(refOf(applied))).toEqual(applied)
    })

    test('a field that cannot change is told as such', async () => {
      const set = (serviceName: string): KubeObject => ({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'frozen', namespace: under.namespace },
        spec: {
          serviceName,
          replicas: 0,
          selector: { matchLabels: { app: 'frozen' } },
          template: {
            metadata: { labels: { app: 'frozen' } },
            spec: { containers: [{ name: 'main', image: 'example.invalid/none:1' }] },
          },
        },
      })
      await apply(set('first'))
      const error = await failure(apply(set('second')))
      expect(error.code).toBe('immutable')
      expect((await failure(apply(set('second'), DRY))).code).toBe('immutable')
    })
  })
}
