/** Clusters of a few objects, and what `deploy check` finds there. */
import { StockpipeError } from '../../errors.ts'
import type { Finding } from '../../finding.ts'
import type { Cluster, Right } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { standingCluster } from '../rollout/rollout.fixture.ts'
import { check, type Examined } from './check.ts'

export const node = (name: string, cpu: string, memory: string, images: readonly string[] = []): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { architecture: 'amd64' },
    allocatable: { cpu, memory },
    images: images.map((image) => ({ names: [image] })),
  },
})

export const madeBy = (profile: string, its: KubeObject): KubeObject => ({
  ...its,
  metadata: { ...its.metadata, labels: { 'minikube.k8s.io/name': profile } },
})

export const standard: KubeObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
}

export const pod = (image: string, memory = '1Gi') => ({
  spec: { containers: [{ name: 'main', image, resources: { requests: { cpu: '500m', memory } } }] },
})

export const wanted: KubeObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'pipeline', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'kafka', namespace: 'pipeline' },
    spec: { replicas: 1, template: pod('apache/kafka:4.3.1'), volumeClaimTemplates: [{ spec: {} }] },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'stockpipe-api', namespace: 'pipeline' },
    spec: { replicas: 2, template: pod('stockpipe:0.1.0') },
  },
]

export const VALUES: Examined['values'] = { profile: 'minikube', images: {} }

/** Registries have everything, and the program can write its image. */
export const HERE = {
  ask: () => Promise.resolve({ state: 'there' }),
  whyNoImage: null,
} satisfies Pick<Examined, 'ask' | 'whyNoImage'>

interface World {
  objects?: KubeObject[]
  asks?: KubeObject[]
  may?: (right: Right) => boolean
  version?: string
  context?: string
  values?: Partial<Examined['values']>
  here?: Partial<Pick<Examined, 'ask' | 'whyNoImage'>>
}

export const MINIKUBE = [node('minikube', '4', '8Gi', ['docker.io/library/stockpipe:0.1.0']), standard]

export async function found({
  objects = MINIKUBE,
  asks = wanted,
  may = () => true,
  version = '1.34.4',
  context = 'minikube',
  values = {},
  here = {},
}: World) {
  const cluster = standingCluster(objects)
  cluster.identity = () => Promise.resolve({ context, server: 'https://test:6443', uid: 'uid', version })
  const session = { may: (right: Right) => Promise.resolve(may(right)) }
  return check({
    cluster,
    session,
    objects: asks,
    namespace: 'pipeline',
    values: { ...VALUES, ...values },
    ...HERE,
    ...here,
  })
}

/** The same where the cluster knows none of the kinds that are asked for. */
export async function foundUnknown(asks: readonly KubeObject[]) {
  const cluster = standingCluster(MINIKUBE)
  const session = { may: () => Promise.resolve(true) }
  const list: Cluster['list'] = (query) =>
    asks.some(({ kind }) => kind === query.kind)
      ? Promise.reject(new StockpipeError('missing-kind', 'no such kind'))
      : cluster.list(query)
  return check({
    cluster: { ...cluster, list },
    session,
    objects: asks,
    namespace: 'pipeline',
    values: VALUES,
    ...HERE,
  })
}

export const of = (findings: readonly Finding[], name: string): Finding | undefined =>
  findings.find(({ check }) => check === name)
