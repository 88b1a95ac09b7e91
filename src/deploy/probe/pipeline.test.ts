import { afterAll, expect, test } from 'bun:test'

import { canary } from '../../../test/canary.ts'
import { hurriedClock } from '../../clock.ts'
import { at, listAt } from '../fields.ts'
import { inventoryObject } from '../inventory.ts'
import { type KubeObject, refOf } from '../object.ts'
import type { Role } from '../observe/status.ts'
import { nameOf } from '../observe/workloads.ts'
import { Secrets } from '../../secrets.ts'
import { loginWords } from '../observe/grafana-login.ts'
import { render } from '../render.ts'
import { object, standingCluster, waitingFor } from '../rollout/rollout.fixture.ts'
import { readValues } from '../values.ts'
import type { Probe } from './junit.ts'
import { testPipeline } from './pipeline.ts'

const PASSWORD = canary('grafana')
const LOGIN = `Basic ${btoa(`boss:${PASSWORD}`)}`

/** What every role says of its parts. */
const health: object[] = []

/** A role that is well, and a Grafana that lets in who has the login and knows nothing else. */
const served = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: ({ headers, url }) => {
    if (url.endsWith('/statusz')) return Response.json({ version: '0.1.0', health })
    if (headers.get('authorization') !== LOGIN) return new Response('{}', { status: 401 })
    return url.endsWith('/api/health') ? Response.json({ version: '1', database: 'ok' }) : Response.json({})
  },
})
afterAll(() => served.stop(true))

/** Grafana as it is rendered, with a pod that is ready and a Secret of the user. */
function installed(secret: string, sets: readonly string[] = [`secrets.grafanaAdmin=${secret}`]) {
  const objects = render(readValues({ sets })).filter(({ kind, metadata }) => `${kind} ${metadata.name}` === GRAFANA)
  const labels = at(objects[0], 'spec', 'selector', 'matchLabels')
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  const data = { username: btoa('boss'), password: btoa(PASSWORD) }
  const login = { ...object('Secret', secret, { data }), apiVersion: 'v1' }
  return standingCluster([...objects, object('Pod', 'grafana-0', { status }, { labels }), login])
}
const GRAFANA = 'Deployment grafana'

const RENDERED = render(readValues({}))

/** A role as it is rendered, as its controller tells of it, with its pods where it has any. */
function role(part: Role, { wanted = 1, isReady = true, status = {} } = {}): KubeObject[] {
  const rendered = RENDERED.find(({ kind, metadata }) => `${kind} ${metadata.name}` === nameOf(part))
  if (rendered === undefined) throw new Error('not rendered')
  const ready = isReady ? wanted : 0
  const counts = { replicas: wanted, updatedReplicas: wanted, readyReplicas: ready, availableReplicas: ready }
  const labels = at(rendered, 'spec', 'selector', 'matchLabels')
  const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  return [
    {
      ...rendered,
      metadata: { ...rendered.metadata, generation: 1 },
      spec: { ...(rendered['spec'] as object), replicas: wanted },
      status: { observedGeneration: 1, ...counts },
    },
    ...Array.from({ length: wanted }, (_, index) =>
      object('Pod', `${part}-${index}`, { status: isReady ? running : { phase: 'Pending', ...status } }, { labels }),
    ),
  ]
}

test('every role is told: how many of its pods are ready, and what they say of themselves', async () => {
  const probes = await probesOf(
    standingCluster([...role('producer'), ...role('processor', { wanted: 3 }), ...role('api')]),
  )
  expect([...probes.values()].slice(0, 3)).toEqual([
    { name: 'producer', ok: true, detail: '1/1 ready, 0.1.0', ms: 0 },
    { name: 'processor', ok: true, detail: '3/3 ready, 0.1.0', ms: 0 },
    { name: 'api', ok: true, detail: '1/1 ready, 0.1.0', ms: 0 },
  ])
})

test.each([
  ['is not there at all', [], 'it is not installed'],
  ['is scaled to none', role('producer', { wanted: 0 }), '0/0: nothing of it is wanted, so that nothing of it runs'],
  [
    'gets no image',
    role('producer', { isReady: false, status: waitingFor('ImagePullBackOff') }),
    '0/1: main: ImagePullBackOff, as the node says',
  ],
  ['waits for a node', role('producer', { isReady: false }), '0/1: pods are not ready'],
])('a role that %s fails, though the others work', async (_, producer, detail) => {
  const probes = await probesOf(standingCluster([...producer, ...role('processor'), ...role('api')]))
  expect(probes.get('producer')).toEqual({ name: 'producer', ok: false, detail, ms: 0 })
  expect(probes.get('processor')?.ok).toBe(true)
})

test('test trades are asked for as many brokers as Kafka is to have', async () => {
  const jobs: KubeObject[] = []
  const kafka = object('StatefulSet', 'kafka', { spec: { replicas: 3 } })
  await probesOf(standingCluster([...role('api'), kafka]), (job) => jobs.push(job))
  const [container] = listAt(jobs[0], 'spec', 'template', 'spec', 'containers')
  expect(listAt(container, 'args')).toContain('--nodes=3')
})

test('one pod of a role that says that it is not ready fails it', async () => {
  health.push({ component: 'store', ready: false, reason: 'Cassandra is away' })
  const probes = await probesOf(standingCluster(role('api')))
  health.length = 0
  expect(probes.get('api')).toMatchObject({ ok: false, detail: 'api-0: store: Cassandra is away' })
})

test('Grafana is left out only where none is installed: one without a pod, or deleted by hand, fails', async () => {
  const probeOf = async (...objects: KubeObject[]) => (await probesOf(standingCluster(objects))).get('grafana')
  const deployment = RENDERED.find(({ kind, metadata }) => `${kind} ${metadata.name}` === GRAFANA)
  if (deployment === undefined) throw new Error('not rendered')
  expect(await probeOf()).toBeUndefined()
  expect(await probeOf(deployment)).toMatchObject({ ok: false, detail: expect.stringContaining('no pod of grafana') })
  const inventory = inventoryObject(
    {
      state: 'applied',
      version: '0.1.0',
      profile: 'minikube',
      cluster: '',
      values: '',
      madeWith: null,
      isTested: false,
      objects: [refOf(deployment)],
    },
    'pipeline',
  )
  expect(await probeOf(inventory)).toMatchObject({ ok: false, detail: expect.stringContaining('not installed') })
})

async function probesOf(
  cluster: ReturnType<typeof installed>,
  made: (job: KubeObject) => void = () => undefined,
): Promise<Map<string, Probe>> {
  const probes = await testPipeline({
    cluster: {
      ...cluster,
      apply: (job) => {
        made(job)
        return Promise.reject(new Error('nothing is run'))
      },
    },
    session: {
      forward: () => Promise.resolve({ port: served.port ?? 0 }),
      logs: () => {
        throw new Error('nothing is run')
      },
    },
    clock: hurriedClock(),
    namespace: 'pipeline',
    secrets: new Secrets(),
    signal: new AbortController().signal,
    timeoutMs: 1_000,
    sendsTrades: true,
    show: () => undefined,
    tell: () => undefined,
  })
  return new Map(probes.map((probe) => [probe.name, probe]))
}

test.each([
  ['as deploy makes it', 'grafana-admin', []],
  ['of the user, by the name that the values give it', 'my-grafana-login', undefined],
])('Grafana is asked with the login of the Secret %s', async (_, secret, sets) => {
  const cluster = installed(secret, sets)
  expect((await probesOf(cluster)).get('grafana')).toMatchObject({ ok: true, detail: 'version 1' })
  expect(await loginWords({ cluster, namespace: 'pipeline' })).toContain(`kubectl get secret ${secret} -n pipeline `)
})

test('a login that Grafana does not take, or that is not there, is told with the name of its Secret', async () => {
  const cluster = installed('mine')
  const [deployment, pod] = cluster.objects
  const other = { ...object('Secret', 'mine', { data: { username: 'eA==', password: 'eA==' } }), apiVersion: 'v1' }
  if (deployment === undefined || pod === undefined) throw new Error('not installed')
  cluster.objects = [deployment, pod, other]
  const refused = (await probesOf(cluster)).get('grafana')
  expect([refused?.ok, refused?.detail]).toEqual([false, expect.stringContaining('the Secret mine must hold')])
  cluster.objects = [deployment, pod]
  expect((await probesOf(cluster)).get('grafana')?.detail).toContain('there is no Secret pipeline/mine')
})
