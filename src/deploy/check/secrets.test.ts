import { expect, test } from 'bun:test'

import { StockpipeError } from '../../errors.ts'
import type { Cluster } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { render } from '../render.ts'
import { standingCluster } from '../rollout/rollout.fixture.ts'
import { readValues } from '../values.ts'
import { found, HERE, MINIKUBE, VALUES } from './check.fixture.ts'
import { check } from './check.ts'

const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pipeline' } }

const secret = (name: string, ...keys: string[]): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'pipeline' },
  data: Object.fromEntries(keys.map((key) => [key, 'eA=='])),
})

const rendered = (...sets: string[]): KubeObject[] => render(readValues({ sets }))

async function secretFindings(asks: KubeObject[], ...objects: KubeObject[]) {
  const findings = await found({ objects: [...MINIKUBE, ...objects], asks })
  return findings.filter(({ check }) => check === 'secrets')
}

test('Secrets that deploy makes itself are not looked for', async () => {
  expect(await secretFindings(rendered(), namespace)).toEqual([])
})

test.each([
  ['secrets.cassandraSuperuser', ['username', 'password']],
  ['secrets.cassandraWriter', ['username', 'password']],
  ['secrets.cassandraReader', ['username', 'password']],
  ['secrets.cassandraGrafana', ['username', 'password']],
  ['secrets.grafanaAdmin', ['username', 'password']],
  ['secrets.kafkaCluster', ['cluster-id']],
  ['secrets.finnhub', ['token']],
  ['api.tokenSecret', ['token']],
  ['grafana.liveTokenSecret', ['token']],
  ['pullSecret', ['.dockerconfigjson']],
])('%s must be there with every key that is read', async (value, keys) => {
  const asks = rendered(`${value}=mine`, ...(value === 'secrets.finnhub' ? ['feed=finnhub'] : []))
  expect(await secretFindings(asks, namespace, secret('mine', ...keys))).toMatchObject([
    { state: 'ok', detail: 'mine: every key is there' },
  ])
  const [absent, ...others] = await secretFindings(asks, namespace)
  expect(others).toEqual([])
  const state = value === 'pullSecret' ? 'warn' : 'fail'
  expect(absent).toMatchObject({ state, detail: 'mine is not in pipeline' })
  expect(absent?.fix).toStartWith('kubectl create secret generic mine -n pipeline')
  for (const key of keys) {
    expect(absent?.fix).toContain(` --from-file=${key}=FILE`)
    const rest = keys.filter((other) => other !== key)
    const [lacking] = await secretFindings(asks, namespace, secret('mine', ...rest))
    expect(lacking).toEqual({
      check: 'secrets',
      state,
      detail: `mine has no ${key}`,
      fix: `kubectl edit secret mine -n pipeline, and add under data, in base64: ${key}`,
    })
  }
})

test('a login for pulling may have the older form', async () => {
  expect(await secretFindings(rendered('pullSecret=mine'), namespace, secret('mine', '.dockercfg'))).toMatchObject([
    { state: 'ok' },
  ])
})

test('a certificate that is not there stops no pod, and one that an issuer makes is not looked for', async () => {
  const door = ['api.exposure=ingress', 'api.host=a.example.com', 'api.tlsSecret=mine']
  expect(await secretFindings(rendered(...door), namespace)).toMatchObject([
    { state: 'warn', fix: 'kubectl create secret tls mine -n pipeline --cert=FILE --key=FILE' },
  ])
  const gateway = ['api.exposure=gateway', 'api.host=a.example.com', 'api.class=any', 'api.tlsSecret=mine']
  expect(await secretFindings(rendered(...gateway), namespace)).toMatchObject([{ state: 'warn' }])
  const issued = readValues({
    sets: door,
    files: [{ name: 'a file', text: 'api: { annotations: { cert-manager.io/cluster-issuer: main } }' }],
  })
  expect(await secretFindings(render(issued), namespace)).toEqual([])
})

test('before the namespace is made, and where we may not look, it is said and is no fault', async () => {
  const asks = rendered('api.tokenSecret=mine')
  expect(await secretFindings(asks)).toMatchObject([
    {
      state: 'warn',
      detail: 'mine is not there, for namespace pipeline is not made yet',
      fix: expect.stringContaining('kubectl create namespace pipeline, then kubectl create secret'),
    },
  ])
  const whole = standingCluster([...MINIKUBE, namespace])
  const get: Cluster['get'] = (ref) =>
    ref.kind === 'Secret' ? Promise.reject(new StockpipeError('forbidden', 'may not get secrets')) : whole.get(ref)
  const session = { may: () => Promise.resolve(true) }
  const findings = await check({
    cluster: { ...whole, get },
    session,
    objects: asks,
    namespace: 'pipeline',
    values: VALUES,
    ...HERE,
  })
  expect(findings.filter(({ check }) => check === 'secrets')).toMatchObject([
    { state: 'warn', detail: 'not checked: may not get secrets' },
  ])
})
