import { afterAll, expect, test } from 'bun:test'

import { hurriedClock } from '../../clock.ts'
import type { ClusterSession } from '../../deploy/cluster.ts'
import { memoryCluster, type MemoryCluster } from '../../deploy/cluster/memory.fixture.ts'
import { at } from '../../deploy/fields.ts'
import { install, NAMESPACE, prepared } from '../../deploy/install.fixture.ts'
import { containersOf, isWorkload } from '../../deploy/pod.ts'
import { Secrets } from '../../secrets.ts'
import type { ApplyFlags } from './run-apply.ts'
import { installIn } from './run-install.ts'

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

test('a second run writes nothing at all: it looks at everything, sends no trades, and says so', async () => {
  const cluster = memoryCluster()
  await install(cluster, { sets: WITHOUT_GRAFANA })
  works(cluster)
  expect((await prepared(cluster)).plan.steps.filter(({ verb }) => verb !== 'keep')).toEqual([])
  const written: string[] = []
  cluster.api.beforeWrite = (words) => {
    written.push(words)
    throw new Error('nothing is to be written')
  }
  const session: ClusterSession = {
    may: (right) => cluster.may(right),
    forward: () => Promise.resolve({ port: role.port ?? 0 }),
    watch: () => {
      throw new Error('nothing is watched')
    },
    logs: () => {
      throw new Error('nothing is run')
    },
  }
  const kubernetes = { ...cluster, ...session }
  const values: ApplyFlags = {
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
  let out = ''
  const code = await installIn(
    {
      cluster: kubernetes,
      session: kubernetes,
      clock: hurriedClock(),
      namespace: NAMESPACE,
      secrets: new Secrets(),
      signal: new AbortController().signal,
      [Symbol.dispose]: () => undefined,
    },
    { values, print: (text) => Promise.resolve(void (out += text)), done: { checks: [], steps: [], tests: [] } },
  )
  expect(out).toContain('nothing to change\n')
  expect(out).toContain('ok    producer  1/1 ready, 0.1.0\n')
  expect(out).toMatch(/^skip {2}trades {2}none sent, .*: stockpipe deploy test sends trades through$/m)
  expect(out).toEndWith('it works: stockpipe deploy open api\n')
  expect(code).toBe(0)
  expect(written).toEqual([])
})
