import { describe, expect, test } from 'bun:test'

import type { KubeObject } from '../object.ts'
import { found, madeBy, node, of, pod, standard, wanted } from './check.fixture.ts'

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

describe('nodes that may be added', () => {
  const made = ({ labels = {}, annotations = {}, name = 'a', taints = [] }: Marks): KubeObject => {
    const small = node(name, '1', '1Gi')
    return { ...small, metadata: { name, labels, annotations }, spec: { taints } }
  }
  interface Marks {
    labels?: Record<string, string>
    annotations?: Record<string, string>
    name?: string
    taints?: object[]
  }

  test.each<[string, Marks, string]>([
    ['EKS Auto Mode', { labels: { 'eks.amazonaws.com/compute-type': 'auto' } }, 'EKS Auto Mode makes them'],
    ['Karpenter', { labels: { 'karpenter.sh/nodepool': 'default' } }, 'Karpenter makes them'],
    ['GKE Autopilot', { name: 'gk3-one' }, 'GKE Autopilot makes them'],
    [
      'a cluster autoscaler',
      { annotations: { 'cluster-autoscaler.kubernetes.io/scale-down-disabled': 'true' } },
      'the cluster autoscaler makes them',
    ],
    [
      'a cluster autoscaler that takes nodes away',
      { taints: [{ key: 'DeletionCandidateOfClusterAutoscaler', effect: 'PreferNoSchedule' }] },
      'the cluster autoscaler makes them',
    ],
    ['a node group of EKS', { labels: { 'eks.amazonaws.com/nodegroup': 'main' } }, 'may grow, which they do not tell'],
    ['a node pool of GKE', { labels: { 'cloud.google.com/gke-nodepool': 'main' } }, 'may grow, which they do not tell'],
    ['an agent pool of AKS', { labels: { 'kubernetes.azure.com/agentpool': 'main' } }, 'which they do not tell'],
  ])('where there is %s too little room is no fault', async (_, marks, words) => {
    expect(of(await found({ objects: [made(marks), standard] }), 'capacity')).toMatchObject({
      state: 'warn',
      detail: expect.stringMatching(new RegExp(`^asks for .*; nodes may be added.*${words}`)),
      fix: expect.stringContaining('if none comes'),
    })
  })

  test('nor are too few places, too small nodes, or none that takes pods', async () => {
    const labels = { 'karpenter.sh/nodepool': 'system', 'kubernetes.io/hostname': 'a' }
    const topologySpreadConstraints = [
      { topologyKey: 'kubernetes.io/hostname', minDomains: 3, whenUnsatisfiable: 'DoNotSchedule' },
    ]
    const template = { spec: { ...pod('apache/kafka:4.3.1', '100Mi').spec, topologySpreadConstraints } }
    const asks = [{ ...wanted[1]!, spec: { replicas: 2, template } }]
    const spread = of(await found({ objects: [made({ labels })], asks }), 'spread')
    expect([spread?.state, spread?.detail]).toEqual([
      'warn',
      expect.stringContaining('kafka wants 2 nodes, there are 1'),
    ])
    const many = ['a', 'b', 'c', 'd'].map((name) => made({ labels, name }))
    expect(
      of(await found({ objects: many, asks: [{ ...wanted[1]!, spec: { template: pod('x:1', '2Gi') } }] }), 'capacity'),
    ).toMatchObject({ state: 'warn', detail: expect.stringContaining('no single node holds') })
    const system = made({ labels, taints: [{ key: 'CriticalAddonsOnly', effect: 'NoSchedule' }] })
    expect(of(await found({ objects: [system] }), 'nodes')).toMatchObject({
      state: 'warn',
      detail: expect.stringContaining('1 with the taint CriticalAddonsOnly:NoSchedule; nodes may be added: Karpenter'),
      fix: expect.stringMatching(/^if none comes, .*, or set tolerations or nodeSelector/),
    })
  })

  test('a cloud without any node may make the first; any other cluster does not', async () => {
    for (const profile of ['eks', 'gke', 'aks'] as const) {
      const findings = await found({ objects: [standard], values: { profile } })
      expect(of(findings, 'nodes')).toMatchObject({ state: 'warn', detail: expect.stringContaining('no node at all') })
      expect(of(findings, 'capacity')?.state).toBe('warn')
    }
    expect(of(await found({ objects: [standard], values: { profile: 'ha' } }), 'nodes')?.state).toBe('fail')
    const unmarked = await found({ objects: [made({}), standard], values: { profile: 'eks' } })
    expect(of(unmarked, 'capacity')?.state).toBe('fail')
  })
})
