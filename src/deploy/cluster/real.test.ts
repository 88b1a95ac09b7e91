/** The promises, by a real API server. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { useCluster } from '../../../test/cluster/shared.ts'
import { until } from '../../../test/until.ts'
import { toWords, type StockpipeError } from '../../errors.ts'
import { describeCluster } from '../cluster.contract.ts'
import type { KubeObject } from '../object.ts'
import { openKubernetes } from './kubernetes.ts'

const real = await useCluster({ mode: 'control-plane' })

if (real !== null) {
  const { kubeconfig } = real
  const open = () => openKubernetes({ kubeconfig, context: null, announce: () => undefined })
  const namespaceFor = async (labels: Record<string, string> = {}) => {
    const name = `stockpipe-suite-${crypto.randomUUID().slice(0, 8)}`
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
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
    const config = readKubeconfig({ kubeconfig, context: null }, { env: {}, home: '', tokenFile: '' })
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

    const settings = (name: string, namespace: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
    })
    const saying = (doing: Promise<unknown>): Promise<string> => doing.then(() => 'it worked', toWords)

    test('a user without rights is told which one is missing', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'stockpipe-nobody-'))
      try {
        const nobody = join(folder, 'config')
        const config = Bun.YAML.parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: object }[] }
        for (const { user } of config.users) Object.assign(user, { as: 'stockpipe-nobody' })
        writeFileSync(nobody, JSON.stringify(config))
        const cluster = openKubernetes({ kubeconfig: nobody, context: null, announce: () => undefined })
        const words = await saying(cluster.apply(settings('x', 'default'), { dryRun: true, force: false }))
        expect(words).toContain('stockpipe-nobody may not patch configmaps in the namespace default')
        expect(words).toContain('{ apiGroups: [""], resources: [configmaps], verbs: [patch] }')
        const right = { verb: 'patch', group: '', resource: 'configmaps', namespace: 'default' }
        expect(await cluster.may(right)).toBe(false)
        expect((await cluster.identity()).uid).toBeNull()
        const pod = { namespace: 'default', pod: 'x' }
        const { signal } = new AbortController()
        expect(await saying(cluster.forward({ ...pod, port: 80 }, signal))).toMatch(
          /stockpipe-nobody may not (get|create) pods\/portforward in the namespace default/,
        )
        const log = cluster.logs({ ...pod, container: 'c', follow: false, tail: null }, signal)
        expect(await saying(Array.fromAsync(log))).toContain('stockpipe-nobody may not get pods/log')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    test('a pod that is not there has no port', async () => {
      const { signal } = new AbortController()
      const words = await saying(open().forward({ namespace: 'default', pod: 'absent', port: 80 }, signal))
      expect(words).toContain('pods "absent" not found')
    })

    test('a full quota is told as such', async () => {
      await using namespace = await namespaceFor()
      const quota = {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'small', namespace: namespace.name },
        spec: { hard: { 'count/configmaps': '0' } },
      }
      await open().apply(quota, { dryRun: false, force: false })
      // The quota counts only when its controller has seen it.
      const words = await until(
        () => saying(open().apply(settings(crypto.randomUUID(), namespace.name), { dryRun: true, force: false })),
        (said) => said.includes('quota'),
      )
      expect(words).toContain('the ResourceQuota small of the namespace is full')
    })

    test('a level of PodSecurity is told with what it forbids', async () => {
      await using namespace = await namespaceFor({ 'pod-security.kubernetes.io/enforce': 'restricted' })
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'root', namespace: namespace.name },
        spec: { containers: [{ name: 'main', image: 'example.invalid/none:1' }] },
      }
      const words = await saying(open().apply(pod, { dryRun: true, force: false }))
      expect(words).toContain('enforces the PodSecurity level restricted')
      expect(words).toContain('allowPrivilegeEscalation != false')
    })

    test('a kind that is not installed is named', async () => {
      const foreign = { apiVersion: 'example.com/v1', kind: 'Nothing', metadata: { name: 'x', namespace: 'default' } }
      expect(await saying(open().apply(foreign, { dryRun: true, force: false }))).toContain('has no kind Nothing')
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
}
