import { afterAll, expect, test } from 'bun:test'

import { canary } from '../../../test/canary.ts'
import { hurriedClock } from '../../clock.ts'
import { at } from '../fields.ts'
import { Secrets } from '../../secrets.ts'
import { loginWords } from '../observe/grafana-login.ts'
import { render } from '../render.ts'
import { object, standingCluster } from '../rollout/rollout.fixture.ts'
import { readValues } from '../values.ts'
import type { Probe } from './junit.ts'
import { testPipeline } from './pipeline.ts'

const PASSWORD = canary('grafana')
const LOGIN = `Basic ${btoa(`boss:${PASSWORD}`)}`

/** Lets in who has the login, and knows nothing else. */
const grafana = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: ({ headers, url }) => {
    if (headers.get('authorization') !== LOGIN) return new Response('{}', { status: 401 })
    return url.endsWith('/api/health') ? Response.json({ version: '1', database: 'ok' }) : Response.json({})
  },
})
afterAll(() => grafana.stop(true))

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

async function probesOf(cluster: ReturnType<typeof installed>): Promise<Map<string, Probe>> {
  const probes = await testPipeline({
    cluster,
    session: {
      forward: () => Promise.resolve({ port: grafana.port ?? 0 }),
      logs: () => {
        throw new Error('nothing is run')
      },
    },
    clock: hurriedClock(),
    namespace: 'pipeline',
    secrets: new Secrets(),
    signal: new AbortController().signal,
    timeoutMs: 1_000,
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
