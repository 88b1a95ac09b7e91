import { afterAll, expect, test } from 'bun:test'

import { hurriedClock } from '../../clock.ts'
import type { ClusterSession } from '../../deploy/cluster.ts'
import { memoryCluster, type MemoryCluster } from '../../deploy/cluster/memory.fixture.ts'
import { at } from '../../deploy/fields.ts'
import { install, NAMESPACE, prepared } from '../../deploy/install.fixture.ts'
import { INVENTORY } from '../../deploy/inventory.ts'
import { containersOf, isWorkload } from '../../deploy/pod.ts'
import { Secrets } from '../../secrets.ts'
import type { ApplyFlags } from './run-apply.ts'
import { installIn } from './run-install.ts'
import type { DeploySession } from './session.ts'

const WITHOUT_GRAFANA = ['grafana.enabled=false']

/** What every role says of itself. */
const role = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json({ version: '0.1.0', health: [] }) })
afterAll(() => role.stop(true))

/** As controllers and nodes would tell of it: all is ready. */
function works(cluster: MemoryCluster): void {
  const ready = { conditions: ['Ready', 'Complete'].map((type) => ({ type, status: 'True' })) }
  const images: { names: string[] }[] = []
  for (const object of ['StatefulSet', 'Deployment', 'Job'].flatMap((kind) => cluster.api.list(kind, NAMESPACE))) {
    if (!isWorkload(object)) continue
    images.push({ names: containersOf(object.spec.template).map(({ image }) => image) })
    const { kind, metadata, spec } = object
    const count = spec.replicas ?? 1
    const counts = { replicas: count, readyReplicas: count, updatedReplicas: count, availableReplicas: count }
    const status = { observedGeneration: 99, ...counts, ...(kind === 'Job' && ready) }
    cluster.api.set({
      apiVersion: object.apiVersion,
      kind,
      metadata: { name: metadata.name, namespace: NAMESPACE },
      status,
    })
    const labels = { ...(at(spec, 'selector', 'matchLabels') as Record<string, string>) }
    cluster.api.set({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${metadata.name}-0`, namespace: NAMESPACE, labels },
      status: { phase: 'Running', ...ready },
    })
  }
  cluster.api.set({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'one' },
    status: {
      ...ready,
      nodeInfo: { architecture: process.arch === 'x64' ? 'amd64' : 'arm64' },
      allocatable: { cpu: '16', memory: '64Gi' },
      images,
    },
  })
  cluster.api.set({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  })
}

const VALUES: ApplyFlags = {
  output: 'text',
  json: false,
  namespace: null,
  context: null,
  kubeconfig: null,
  profile: null,
  values: [],
  set: [],
  'finnhub-token-file': null,
  timeout: 60_000,
  wait: true,
  yes: true,
  'dry-run': null,
  'force-conflicts': false,
  'allow-downgrade': false,
}

/** As `deploy apply` leaves it; the Job of the trades ends with `ends`, or the trades are interrupted by Ctrl-C. */
async function applied(ends: { code: number | 'Ctrl-C' }) {
  const cluster = memoryCluster()
  await install(cluster, { sets: WITHOUT_GRAFANA })
  works(cluster)
  expect((await prepared(cluster)).plan.steps.filter(({ verb }) => verb !== 'keep')).toEqual([])
  const run = async () => {
    cluster.api.writes.length = 0
    const stop = new AbortController()
    const session: ClusterSession = {
      may: (right) => cluster.may(right),
      forward: () => Promise.resolve({ port: role.port ?? 0 }),
      watch: () => {
        throw new Error('nothing is watched')
      },
      async *logs() {
        if (ends.code === 'Ctrl-C') stop.abort()
        if (ends.code === 0) yield 'trades  ok  12 ms'
      },
    }
    const kubernetes: DeploySession['cluster'] = {
      ...cluster,
      ...session,
      async apply(object, options) {
        const { name } = object.metadata
        if (object.kind !== 'Job' || options.dryRun) return cluster.apply(object, options)
        const labels = { 'job-name': name }
        const spec = { ...(object['spec'] as object), selector: { matchLabels: labels } }
        const made = await cluster.apply({ ...object, spec }, options)
        const state = { terminated: { exitCode: ends.code === 0 ? 0 : 1 } }
        cluster.api.set({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: `${name}-0`, namespace: NAMESPACE, labels },
          spec: { containers: [{ name: 'tool' }] },
          status: { phase: 'Succeeded', containerStatuses: [{ name: 'tool', state }] },
        })
        return made
      },
    }
    let out = ''
    const code = await installIn(
      {
        cluster: kubernetes,
        session: kubernetes,
        clock: hurriedClock(),
        namespace: NAMESPACE,
        secrets: new Secrets(),
        signal: stop.signal,
        [Symbol.dispose]: () => undefined,
      },
      {
        values: VALUES,
        print: (text) => Promise.resolve(void (out += text)),
        done: { checks: [], steps: [], tests: [] },
      },
    )
    return { code, out, written: cluster.api.writes.filter((words) => !/(Job|Pod) /.test(words)) }
  }
  return { cluster, run }
}

const INVENTORY_WRITE = `apply ConfigMap ${NAMESPACE}/${INVENTORY}`

test('a run after one whose trades came through writes nothing at all, as long as nothing is changed', async () => {
  const { cluster, run } = await applied({ code: 0 })
  const first = await run()
  expect(first.out).toContain('nothing to change\n')
  expect(first.out).toMatch(/^ok {4}trades: trades .*reached$/m)
  expect(first.out).toEndWith('it works: stockpipe deploy open api\n')
  expect(first).toMatchObject({ code: 0, written: [INVENTORY_WRITE] })

  cluster.api.beforeWrite = (words) => {
    throw new Error(`nothing is to be written: ${words}`)
  }
  const { out, code } = await run()
  expect(out).toContain('nothing to change\n')
  expect(out).toContain('ok    producer  1/1 ready, 0.1.0\n')
  expect(out).toMatch(/^skip {2}trades {2}none sent, .*: stockpipe deploy test sends trades through$/m)
  expect(out).toEndWith('it works: stockpipe deploy open api\n')
  expect(code).toBe(0)

  cluster.api.beforeWrite = () => undefined
  await install(cluster, { sets: [...WITHOUT_GRAFANA, 'api.replicas=2'] })
  works(cluster)
  expect(await run()).toMatchObject({ code: 0, written: [INVENTORY_WRITE] })
})

test('a run after one whose trades failed, or were interrupted, sends trades again', async () => {
  const ends: Parameters<typeof applied>[0] = { code: 1 }
  const { run } = await applied(ends)
  expect(await run()).toMatchObject({ code: 1, out: expect.stringContaining('fail  trades'), written: [] })
  expect(await run()).toMatchObject({ code: 1, out: expect.stringContaining('fail  trades'), written: [] })
  ends.code = 'Ctrl-C'
  await run().catch(() => undefined)
  ends.code = 0
  expect(await run()).toMatchObject({ code: 0, written: [INVENTORY_WRITE] })
})
