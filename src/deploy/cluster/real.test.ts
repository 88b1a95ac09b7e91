/** The promises, by a real API server: the one whose kubeconfig TEST_CLUSTER names. */
import { describe, expect, test } from 'bun:test'

import type { StockpipeError } from '../../errors.ts'
import { describeCluster } from '../cluster.contract.ts'
import { openKubernetes } from './kubernetes.ts'

const kubeconfig = process.env['TEST_CLUSTER']

if (kubeconfig !== undefined) {
  const open = () => openKubernetes({ kubeconfig, context: null, announce: () => undefined })
  const namespaceFor = async () => {
    const name = `stockpipe-suite-${crypto.randomUUID().slice(0, 8)}`
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
    await open().apply(object, { dryRun: false, force: false })
    return {
      name,
      [Symbol.asyncDispose]: () => open().remove({ apiVersion: 'v1', kind: 'Namespace', name, namespace: null }),
    }
  }

  describeCluster('a real cluster', async () => {
    const namespace = await namespaceFor()
    return {
      cluster: open(),
      namespace: namespace.name,
      applyAsOther: (object) => applyAs('somebody', object),
      [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
    }
  })

  /** As another program that applies, taking what it sets. */
  async function applyAs(manager: string, object: { metadata: { name: string; namespace?: string } }): Promise<void> {
    const { openConnection } = await import('./connection.ts')
    const { readKubeconfig } = await import('./kubeconfig.ts')
    const { systemClock } = await import('../../clock.ts')
    const config = readKubeconfig(
      { kubeconfig: kubeconfig ?? null, context: null },
      { env: {}, home: '', tokenFile: '' },
    )
    const connection = openConnection({ config, clock: systemClock, random: Math.random, announce: () => undefined })
    const { name, namespace = '' } = object.metadata
    await connection.send({
      asked: { what: 'apply', right: { verb: 'patch', group: '', resource: 'configmaps', namespace } },
      path: `/api/v1/namespaces/${namespace}/configmaps/${name}?fieldManager=${manager}&force=true`,
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: object,
    })
  }

  describe('what only a real cluster does', () => {
    test('a misspelled field is refused, and named', async () => {
      await using namespace = await namespaceFor()
      const object = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'misspelled', namespace: namespace.name },
        spec: { ports: [{ port: 80 }], selektor: { a: 'b' } },
      }
      const error: unknown = await open()
        .apply(object, { dryRun: true, force: false })
        .catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'refused' })
      expect((error as StockpipeError).why).toContain('selektor')
    })

    test('rights are asked for', async () => {
      const right = { group: '', resource: 'configmaps', namespace: 'default' }
      expect(await open().may({ ...right, verb: 'patch' })).toBe(true)
    })

    test('a watch sees what is made and deleted', async () => {
      await using namespace = await namespaceFor()
      const stop = new AbortController()
      const cluster = open()
      const query = { apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name, labels: { watched: 'yes' } }
      const object = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'watched', namespace: namespace.name, labels: { watched: 'yes' } },
      }
      const counts: number[] = []
      for await (const objects of cluster.watch(query, stop.signal)) {
        counts.push(objects.length)
        if (counts.length === 1) await cluster.apply(object, { dryRun: false, force: false })
        else if (objects.length === 1) await cluster.remove({ ...query, name: 'watched' })
        else stop.abort()
      }
      expect(counts).toEqual([0, 1, 0])
    })
  })
} else {
  // Whoever runs the whole suite starts a cluster and names it.
  test.skip('a real cluster: TEST_CLUSTER names none', () => undefined)
}
