import { expect, test } from 'bun:test'

import type { KubeObject } from '../object.ts'
import { found, MINIKUBE, of, pod, wanted } from './check.fixture.ts'
import { renderWanted } from '../rendered.ts'

const quota = (hard: Record<string, string>, used: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'team', namespace: 'pipeline' },
  status: { hard, used },
})

const ours = { 'app.kubernetes.io/part-of': 'stockpipe' }

const running = (name: string, labels: Record<string, string>, phase = 'Running'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'pipeline', labels },
  ...pod('apache/kafka:4.3.1'),
  status: { phase },
})

/** Three pods of 500m and 1 GiB, one with a volume. */
const asks: KubeObject[] = wanted.map((object) =>
  object.kind === 'StatefulSet'
    ? {
        ...object,
        spec: {
          replicas: 1,
          template: {
            spec: {
              containers: [
                {
                  image: 'apache/kafka:4.3.1',
                  resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '2', memory: '3Gi' } },
                },
              ],
            },
          },
          volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '8Gi' } } } }],
        },
      }
    : object,
)

const quotaFinding = async (...objects: KubeObject[]) =>
  of(await found({ objects: [...MINIKUBE, ...objects], asks }), 'quota')

test('what is left of it must be enough', async () => {
  expect(await quotaFinding()).toMatchObject({ state: 'ok', detail: 'none' })
  expect((await quotaFinding(quota({ 'requests.memory': '4Gi' })))?.state).toBe('ok')
  expect(await quotaFinding(quota({ 'requests.memory': '4Gi' }, { 'requests.memory': '2Gi' }))).toMatchObject({
    state: 'fail',
    detail: 'too small: team: requests.memory 2.0 GiB of 3.0 GiB',
  })
})

test.each([
  ['requests.cpu', '1500m', '1', '1 CPUs of 1.5 CPUs'],
  ['limits.cpu', '2', '1', '1 CPUs of 2 CPUs'],
  ['limits.memory', '3Gi', '2Gi', '2.0 GiB of 3.0 GiB'],
  ['pods', '3', '2', '2 of 3'],
  ['count/pods', '3', '2', '2 of 3'],
  ['persistentvolumeclaims', '1', '0', '0 of 1'],
  ['requests.storage', '8Gi', '7Gi', '7.0 GiB of 8.0 GiB'],
  ['count/deployments.apps', '1', '0', '0 of 1'],
])('%s', async (name, enough, tooSmall, words) => {
  expect((await quotaFinding(quota({ [name]: enough })))?.state).toBe('ok')
  expect(await quotaFinding(quota({ [name]: tooSmall }))).toMatchObject({
    state: 'fail',
    detail: `too small: team: ${name} ${words}`,
  })
})

test('exactly what is asked for is enough, however it adds up', async () => {
  const { objects } = renderWanted({ profile: 'minikube', namespace: null, files: [], sets: [] })
  const exactly = quota({ 'requests.cpu': '800m' })
  expect(of(await found({ objects: [...MINIKUBE, exactly], asks: objects }), 'quota')).toMatchObject({ state: 'ok' })
  const less = quota({ 'requests.cpu': '799m' })
  expect(of(await found({ objects: [...MINIKUBE, less], asks: objects }), 'quota')).toMatchObject({ state: 'fail' })
})

test('amounts are read as Kubernetes writes them, and what nobody asks for is not', async () => {
  const wide = { pods: '1e3', 'requests.storage': '1Ei', 'requests.memory': '9E', 'limits.cpu': '1E6' }
  expect((await quotaFinding(quota({ ...wide, 'example.com/things': 'many' })))?.state).toBe('ok')
})

test('what others use counts, also while ours runs; what ours uses does not', async () => {
  const full = quota({ pods: '4', 'requests.cpu': '2' }, { pods: '4', 'requests.cpu': '2' })
  const mine = [1, 2, 3].map((index) => running(`mine-${index}`, ours))
  expect((await quotaFinding(full, ...mine, running('other', {})))?.state).toBe('ok')
  const others = [1, 2].map((index) => running(`other-${index}`, {}))
  expect(await quotaFinding(full, ...mine.slice(0, 2), ...others)).toMatchObject({
    state: 'fail',
    detail: 'too small: team: pods 2 of 3, team: requests.cpu 1 CPUs of 1.5 CPUs',
  })
})

test('a pod of ours that has ended uses nothing any more', async () => {
  const full = quota({ pods: '3' }, { pods: '1' })
  expect((await quotaFinding(full, running('done', ours, 'Succeeded'), running('other', {})))?.state).toBe('fail')
})

test('kinds of ours that are there are not asked for twice', async () => {
  const full = quota({ 'count/deployments.apps': '1' }, { 'count/deployments.apps': '1' })
  const there = { ...asks[2]!, metadata: { ...asks[2]!.metadata, labels: ours } }
  expect((await quotaFinding(full, there))?.state).toBe('ok')
  expect((await quotaFinding(full))?.state).toBe('fail')
})

const priority = (operator: string, ...values: string[]) => ({
  scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] },
})

test.each<[string, object, boolean]>([
  ['pods that ask for nothing', { scopes: ['BestEffort'] }, false],
  ['pods with an end', { scopes: ['Terminating'] }, false],
  ['pods without an end', { scopes: ['NotTerminating', 'NotBestEffort'] }, true],
  ['a priority that ours have', priority('In', 'high'), true],
  ['any priority', priority('Exists'), true],
  ['another priority', priority('In', 'low'), false],
  ['all but a priority that ours have', priority('NotIn', 'high'), false],
  ['pods without a priority', priority('DoesNotExist'), false],
])('a quota of %s', async (_, spec, isOfOurs) => {
  const { spec: container } = pod('apache/kafka:4.3.1')
  const template = { spec: { ...container, priorityClassName: 'high' } }
  const objects = [...MINIKUBE, { ...quota({ pods: '0' }), spec }]
  const findings = await found({ objects, asks: [{ ...wanted[1]!, spec: { replicas: 1, template } }] })
  expect(of(findings, 'quota')?.state).toBe(isOfOurs ? 'fail' : 'ok')
})
