import { describe, expect, test } from 'bun:test'

import { StockpipeError } from '../../errors.ts'
import type { Finding } from '../../finding.ts'
import type { Cluster, Right } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { installerRoles, neededRights } from '../rights.ts'
import { standingCluster } from '../rollout/rollout.fixture.ts'
import { check } from './check.ts'
import { fullName } from './nodes.ts'

const node = (name: string, cpu: string, memory: string, images: readonly string[] = []): KubeObject => ({
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

const madeBy = (profile: string, its: KubeObject): KubeObject => ({
  ...its,
  metadata: { ...its.metadata, labels: { 'minikube.k8s.io/name': profile } },
})

const standard: KubeObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
}

const pod = (image: string, memory = '1Gi') => ({
  spec: { containers: [{ name: 'main', image, resources: { requests: { cpu: '500m', memory } } }] },
})

const wanted: KubeObject[] = [
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

interface World {
  objects?: KubeObject[]
  asks?: KubeObject[]
  may?: (right: Right) => boolean
  version?: string
  context?: string
}

const MINIKUBE = [node('minikube', '4', '8Gi', ['docker.io/library/stockpipe:0.1.0']), standard]

async function found({
  objects = MINIKUBE,
  asks = wanted,
  may = () => true,
  version = '1.34.4',
  context = 'minikube',
}: World) {
  const cluster = standingCluster(objects)
  cluster.identity = () => Promise.resolve({ context, server: 'https://test:6443', uid: 'uid', version })
  const session = { may: (right: Right) => Promise.resolve(may(right)) }
  return check({ cluster, session, objects: asks, namespace: 'pipeline' })
}

const of = (findings: readonly Finding[], name: string): Finding | undefined =>
  findings.find(({ check }) => check === name)

test('a cluster that fits passes every check', async () => {
  const findings = await found({})
  expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
  expect(of(findings, 'cluster')?.detail).toBe('minikube at https://test:6443, Kubernetes 1.34.4')
  expect(of(findings, 'capacity')?.detail).toBe('asks for 1.5 CPUs and 3.0 GiB; the nodes have 4 CPUs and 8.0 GiB')
})

test('a cluster that does not answer is the only finding', async () => {
  const cluster = standingCluster([])
  cluster.identity = () => Promise.reject(new StockpipeError('unreachable', 'no cluster', { hint: 'start it' }))
  const session = { may: () => Promise.resolve(true) }
  const findings = await check({ cluster, session, objects: wanted, namespace: 'pipeline' })
  expect(findings).toEqual([{ check: 'cluster', state: 'fail', detail: 'no cluster', fix: 'start it' }])
})

test('an old cluster is refused', async () => {
  expect(of(await found({ version: '1.27.9' }), 'cluster')?.state).toBe('fail')
})

describe('rights', () => {
  test('the one that is missing is named, whichever it is', async () => {
    for (const lost of neededRights(wanted, 'pipeline')) {
      const same = (right: Right) =>
        right.verb === lost.verb && right.resource === lost.resource && right.group === lost.group
      const findings = (await found({ may: (right) => !same(right) })).filter(({ check }) => check === 'rights')
      const missing = findings.filter(({ state }) => state !== 'ok')
      expect(missing.map(({ state }) => state)).toEqual([lost.isOptional ? 'warn' : 'fail'])
      expect(missing[0]?.detail).toContain(`${lost.verb} ${lost.resource}`)
    }
  })

  test('the printed roles hold every needed right, and no other but the look at kube-system', () => {
    const granted = installerRoles(wanted, 'pipeline').flatMap(({ kind, rules }) =>
      (rules as { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[]).flatMap(
        ({ apiGroups, resources, verbs, resourceNames }) =>
          resources.flatMap((resource) =>
            verbs.map((verb) => `${kind} ${apiGroups[0]} ${resource} ${verb} ${resourceNames?.join() ?? ''}`.trim()),
          ),
      ),
    )
    const needed = neededRights(wanted, 'pipeline').map(({ namespace, group, resource, verb, name = '' }) =>
      `${namespace === null ? 'ClusterRole' : 'Role'} ${group} ${resource} ${verb} ${name}`.trim(),
    )
    expect(granted.toSorted()).toEqual([...needed, 'ClusterRole  namespaces get kube-system'].toSorted())
  })

  test('a look that is refused is said, and is no failure', async () => {
    const cluster = standingCluster(MINIKUBE)
    const list = (query: { kind: string }) =>
      query.kind === 'Node'
        ? Promise.reject(new StockpipeError('forbidden', 'may not list nodes'))
        : Promise.resolve([])
    const session = { may: () => Promise.resolve(true) }
    const findings = await check({ cluster: { ...cluster, list }, session, objects: [], namespace: 'pipeline' })
    expect(of(findings, 'capacity')).toMatchObject({ state: 'warn', detail: 'not checked: may not list nodes' })
  })
})

describe('storage', () => {
  test('without any class, without a default, and with a name that is not there', async () => {
    const [only] = MINIKUBE
    expect(of(await found({ objects: [only!] }), 'storage')?.detail).toContain('there is none')
    const plain = { ...standard, metadata: { name: 'fast' } }
    expect(of(await found({ objects: [only!, plain] }), 'storage')?.detail).toBe(
      'no StorageClass is the default; there are fast',
    )
    const claim: KubeObject = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'spool' },
      spec: { storageClassName: 'gp3' },
    }
    expect(of(await found({ asks: [claim] }), 'storage')).toMatchObject({
      state: 'fail',
      detail: 'no StorageClass gp3; there are standard',
    })
  })
})

describe('capacity', () => {
  test('a Minikube that is too small comes with the exact line that makes a larger one', async () => {
    const small = [madeBy('minikube', node('minikube', '2', '2Gi', ['docker.io/library/stockpipe:0.1.0'])), standard]
    expect(of(await found({ objects: small }), 'capacity')).toMatchObject({
      state: 'fail',
      fix: 'minikube delete && minikube start --cpus 3 --memory 4g',
    })
  })

  test('the largest pod must fit one node', async () => {
    const nodes = [1, 2, 3, 4].map((index) => node(`n${index}`, '2', '1Gi'))
    const asks = [{ ...wanted[1]!, spec: { replicas: 1, template: pod('apache/kafka:4.3.1', '3Gi') } }]
    expect(of(await found({ objects: nodes, asks }), 'capacity')?.detail).toBe(
      'no single node holds a pod of StatefulSet kafka',
    )
  })

  test('a node that is not ready, or closed, does not count', async () => {
    const away = { ...node('a', '4', '8Gi'), status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }
    const closed = { ...node('b', '4', '8Gi'), spec: { unschedulable: true } }
    expect(of(await found({ objects: [away, closed, standard] }), 'nodes')?.state).toBe('fail')
  })

  test('a scaler counts with the most pods that it may make', async () => {
    const scaler: KubeObject = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'stockpipe-api', namespace: 'pipeline' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'stockpipe-api' }, maxReplicas: 5 },
    }
    expect(of(await found({ asks: [...wanted, scaler] }), 'capacity')?.detail).toContain('asks for 3 CPUs and 6.0 GiB')
  })
})

describe('where pods may run', () => {
  const tainted = (name: string, effect = 'NoSchedule'): KubeObject => ({
    ...node(name, '4', '8Gi'),
    spec: { taints: [{ key: 'dedicated', value: 'team', effect }] },
  })
  const marked = (name: string, labels: Record<string, string>): KubeObject => {
    const made = node(name, '4', '8Gi')
    return { ...made, metadata: { ...made.metadata, labels } }
  }
  const placed = (place: object): KubeObject[] => [
    {
      ...wanted[1]!,
      spec: { replicas: 3, template: { spec: { ...pod('apache/kafka:4.3.1', '6Gi').spec, ...place } } },
    },
  ]

  test('a node with a taint that the pods do not tolerate does not count', async () => {
    const objects = [tainted('control-plane'), node('a', '4', '8Gi'), node('b', '4', '8Gi')]
    const findings = await found({ objects, asks: placed({}) })
    expect(of(findings, 'nodes')?.detail).toBe(
      '2 ready, amd64; not for these pods: 1 with the taint dedicated=team:NoSchedule',
    )
    expect(of(findings, 'capacity')).toMatchObject({ state: 'fail', detail: expect.stringContaining('16.0 GiB') })
  })

  test.each([
    ['its key and value', { key: 'dedicated', value: 'team', effect: 'NoSchedule' }, true],
    ['its key', { key: 'dedicated', operator: 'Exists' }, true],
    ['every taint', { operator: 'Exists' }, true],
    ['another value', { key: 'dedicated', operator: 'Equal', value: 'others' }, false],
    ['another effect', { key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }, false],
  ])('a toleration of %s', async (_, toleration, isUsable) => {
    const findings = await found({ objects: [tainted('a')], asks: placed({ tolerations: [toleration] }) })
    expect(of(findings, 'nodes')?.state).toBe(isUsable ? 'ok' : 'fail')
  })

  test('a taint that is only a wish keeps nobody away', async () => {
    const findings = await found({ objects: [tainted('a', 'PreferNoSchedule')], asks: placed({}) })
    expect(of(findings, 'nodes')?.detail).toBe('1 ready, amd64')
  })

  test('a node without the labels of nodeSelector does not count, and where none is left the words say why', async () => {
    const nodeSelector = { pool: 'data' }
    const data = [marked('a', { pool: 'data' }), marked('b', {})]
    expect(of(await found({ objects: data, asks: placed({ nodeSelector }) }), 'capacity')?.detail).toContain('8.0 GiB')
    const others = [marked('a', { pool: 'web' }), tainted('b')]
    expect(of(await found({ objects: others, asks: placed({ nodeSelector }) }), 'nodes')).toMatchObject({
      state: 'fail',
      detail:
        'none of 2 ready may take these pods: 1 without the label pool=data, 1 with the taint dedicated=team:NoSchedule',
      fix: expect.stringContaining('nodeSelector'),
    })
  })
})

describe('spread', () => {
  const placed = (name: string, zone: string): KubeObject => {
    const made = node(name, '4', '8Gi')
    const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone }
    return { ...made, metadata: { ...made.metadata, labels } }
  }
  const insists = (replicas: number, ...keys: string[]): KubeObject[] => {
    const topologySpreadConstraints = keys.map((topologyKey) => ({
      topologyKey,
      maxSkew: 1,
      minDomains: 3,
      whenUnsatisfiable: 'DoNotSchedule',
    }))
    const template = { spec: { ...pod('apache/kafka:4.3.1').spec, topologySpreadConstraints } }
    return [{ ...wanted[1]!, spec: { replicas, template } }]
  }
  const KEYS = ['kubernetes.io/hostname', 'topology.kubernetes.io/zone']

  test('what insists on places of its own must find as many', async () => {
    const two = [placed('a', 'z1'), placed('b', 'z2'), placed('c', 'z2')]
    expect(of(await found({ objects: two, asks: insists(3, ...KEYS) }), 'spread')).toMatchObject({
      state: 'fail',
      detail: 'kafka wants 3 zones, there are 2',
    })
    const three = [...two, placed('d', 'z3')]
    expect(of(await found({ objects: three, asks: insists(3, ...KEYS) }), 'spread')?.state).toBe('ok')
  })

  test('a node that pods may not use is no place', async () => {
    const closed = { ...placed('c', 'z3'), spec: { taints: [{ key: 'infra', effect: 'NoExecute' }] } }
    const objects = [placed('a', 'z1'), placed('b', 'z2'), closed]
    expect(of(await found({ objects, asks: insists(3, ...KEYS) }), 'spread')?.detail).toBe(
      'kafka wants 3 nodes, there are 2; kafka wants 3 zones, there are 2',
    )
  })

  test('a single pod is content with one, and who does not insist is not asked', async () => {
    const one = [placed('a', 'z1')]
    expect(of(await found({ objects: one, asks: insists(1, ...KEYS) }), 'spread')?.state).toBe('ok')
    expect(of(await found({ objects: one, asks: insists(3) }), 'spread')).toBeUndefined()
  })
})

describe('quota', () => {
  const quota = (hard: string, used: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'team', namespace: 'pipeline' },
    status: { hard: { 'requests.memory': hard }, used: { 'requests.memory': used } },
  })

  test('what is left of it must be enough', async () => {
    expect(of(await found({ objects: [...MINIKUBE, quota('4Gi', '0')] }), 'quota')?.state).toBe('ok')
    expect(of(await found({ objects: [...MINIKUBE, quota('4Gi', '2Gi')] }), 'quota')).toMatchObject({
      state: 'fail',
      detail: 'too small: team: requests.memory 2.0 GiB of 3.0 GiB',
    })
  })
})

describe('the namespace', () => {
  const namespace = (metadata: object, status: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'pipeline', ...metadata },
    status,
  })

  test('on its way out is waited for, not written into', async () => {
    const dying = namespace({}, { phase: 'Terminating' })
    expect(of(await found({ objects: [...MINIKUBE, dying] }), 'namespace')).toMatchObject({ state: 'fail' })
  })

  test("of somebody else is told: its pod security would change under other people's pods", async () => {
    const others = namespace({ labels: { team: 'billing' } })
    expect(of(await found({ objects: [...MINIKUBE, others] }), 'namespace')?.state).toBe('warn')
    const ours = namespace({ labels: { 'app.kubernetes.io/part-of': 'stockpipe' } })
    expect(of(await found({ objects: [...MINIKUBE, ours] }), 'namespace')?.state).toBe('ok')
  })
})

describe('images', () => {
  test('an image of our own that no node has can be pulled from nowhere', async () => {
    const bare = node('a', '4', '8Gi')
    const fix = async (its: KubeObject) => of(await found({ objects: [its, standard] }), 'images')?.fix
    expect(await fix(madeBy('minikube', bare))).toBe(
      'stockpipe deploy image, then: minikube --profile minikube image load stockpipe.tar',
    )
    expect(await fix({ ...bare, spec: { providerID: 'kind://docker/dev/dev-control-plane' } })).toBe(
      'stockpipe deploy image, then: kind load image-archive stockpipe.tar --name dev',
    )
    expect(await fix(bare)).toContain('registry')
  })

  test('a node that lists as many as it may, may have others', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `docker.io/library/other:${index}`)
    expect(of(await found({ objects: [node('a', '4', '8Gi', many), standard] }), 'images')?.state).toBe('ok')
  })

  test('others are pulled', async () => {
    expect(of(await found({}), 'images')?.detail).toBe('1 of 2 on the nodes, to be pulled: apache/kafka:4.3.1')
  })

  test.each([
    ['cassandra:5', 'docker.io/library/cassandra:5'],
    ['apache/kafka:4', 'docker.io/apache/kafka:4'],
    ['ghcr.io/a/b:1', 'ghcr.io/a/b:1'],
    ['localhost/x:1', 'localhost/x:1'],
    ['host:5000/x:1', 'host:5000/x:1'],
  ])('%s is %s in full', (short, full) => expect(fullName(short)).toBe(full))
})

describe('definitions', () => {
  const ofGroup = (apiVersion: string, kind: string): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name: 'x', namespace: 'pipeline' },
    spec: {},
  })
  const asks = [
    ofGroup('monitoring.coreos.com/v1', 'ServiceMonitor'),
    ofGroup('monitoring.coreos.com/v1', 'PrometheusRule'),
    ofGroup('gateway.networking.k8s.io/v1', 'Gateway'),
  ]

  test('kinds that others bring must be there, and who brings them is named', async () => {
    const cluster = standingCluster(MINIKUBE)
    const session = { may: () => Promise.resolve(true) }
    const list: Cluster['list'] = (query) =>
      asks.some(({ kind }) => kind === query.kind)
        ? Promise.reject(new StockpipeError('missing-kind', 'no such kind'))
        : cluster.list(query)
    const findings = await check({ cluster: { ...cluster, list }, session, objects: asks, namespace: 'pipeline' })
    expect(findings.filter(({ check }) => check === 'definitions')).toMatchObject([
      { state: 'fail', detail: 'the cluster knows no Gateway', fix: expect.stringContaining('api.exposure=ingress') },
      {
        state: 'fail',
        detail: 'the cluster knows no ServiceMonitor and no PrometheusRule',
        fix: expect.stringContaining('monitoring.by=annotations'),
      },
    ])
  })

  test('are no matter where they are there, or nothing needs them', async () => {
    expect(of(await found({ asks }), 'definitions')).toMatchObject({ state: 'ok' })
    expect(of(await found({}), 'definitions')).toBeUndefined()
  })
})

describe('scaling', () => {
  test('KEDA must be there when it is to scale', async () => {
    const asks: KubeObject[] = [
      {
        apiVersion: 'keda.sh/v1alpha1',
        kind: 'ScaledObject',
        metadata: { name: 'x', namespace: 'pipeline' },
        spec: {},
      },
    ]
    const cluster = standingCluster(MINIKUBE)
    const session = { may: () => Promise.resolve(true) }
    const list: Cluster['list'] = (query) =>
      query.kind === 'ScaledObject'
        ? Promise.reject(new StockpipeError('missing-kind', 'no such kind'))
        : cluster.list(query)
    const findings = await check({ cluster: { ...cluster, list }, session, objects: asks, namespace: 'pipeline' })
    expect(of(findings, 'scaling')).toMatchObject({
      state: 'fail',
      fix: 'install KEDA, or --set processor.autoscaling.by=hpa',
    })
  })

  test('somebody must tell an autoscaler the lag, or it goes by CPU alone', async () => {
    const autoscaler: KubeObject = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'x', namespace: 'pipeline' },
      spec: {},
    }
    expect(of(await found({ asks: [autoscaler] }), 'scaling')).toMatchObject({ state: 'warn' })
    const adapter: KubeObject = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.custom.metrics.k8s.io' },
    }
    expect(of(await found({ objects: [...MINIKUBE, adapter], asks: [autoscaler] }), 'scaling')?.state).toBe('ok')
  })
})
