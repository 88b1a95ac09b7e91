import { describe, expect, test } from 'bun:test'

import { StockpipeError } from '../../errors.ts'
import type { Cluster, Right } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { installerRoles, neededRights, rightWords } from '../rights.ts'
import { standingCluster } from '../rollout/rollout.fixture.ts'
import { found, HERE, foundUnknown, MINIKUBE, of, standard, VALUES, wanted } from './check.fixture.ts'
import { check } from './check.ts'

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
  const findings = await check({ cluster, session, objects: wanted, namespace: 'pipeline', values: VALUES, ...HERE })
  expect(findings).toEqual([{ check: 'cluster', state: 'fail', detail: 'no cluster', fix: 'start it' }])
})

test('an old cluster is refused', async () => {
  expect(of(await found({ version: '1.27.9' }), 'cluster')?.state).toBe('fail')
})

describe('rights', () => {
  test('the one that is missing is named, whichever it is', async () => {
    for (const lost of neededRights(wanted, 'pipeline')) {
      const same = (right: Right) =>
        right.verb === lost.verb &&
        right.resource === lost.resource &&
        right.group === lost.group &&
        right.name === lost.name
      const findings = (await found({ may: (right) => !same(right) })).filter(({ check }) => check === 'rights')
      const missing = findings.filter(({ state }) => state !== 'ok')
      expect(missing.map(({ state }) => state)).toEqual([lost.isOptional ? 'warn' : 'fail'])
      expect(missing[0]?.detail).toContain(rightWords(lost))
    }
  })

  test('the one that tells which cluster it is may be missing, and is named', async () => {
    const findings = await found({ may: ({ name }) => name !== 'kube-system' })
    expect(findings.filter(({ check }) => check === 'rights')).toMatchObject([
      { state: 'ok', detail: expect.stringMatching(/^(\d+) of (?!\1)\d+ granted$/) },
      { state: 'warn', detail: 'may not look: get namespaces kube-system' },
    ])
  })

  test('the printed roles hold every needed right, and no other', () => {
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
    expect(granted.toSorted()).toEqual(needed.toSorted())
  })

  test('a look that is refused is said, and is no failure', async () => {
    const cluster = standingCluster(MINIKUBE)
    const list = (query: { kind: string }) =>
      query.kind === 'Node'
        ? Promise.reject(new StockpipeError('forbidden', 'may not list nodes'))
        : Promise.resolve([])
    const session = { may: () => Promise.resolve(true) }
    const findings = await check({
      cluster: { ...cluster, list },
      session,
      objects: [],
      namespace: 'pipeline',
      values: VALUES,
      ...HERE,
    })
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

describe('the driver of a StorageClass', () => {
  const driver = (name: string): KubeObject => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name },
  })
  const foundWith = async (provisioner: string, ...objects: KubeObject[]) => {
    const [only] = MINIKUBE
    return of(await found({ objects: [only!, { ...standard, provisioner }, ...objects] }), 'storage')
  }

  test.each([
    ['ebs.csi.aws.com', 'ebs.csi.aws.com'],
    ['kubernetes.io/aws-ebs', 'ebs.csi.aws.com'],
    ['kubernetes.io/gce-pd', 'pd.csi.storage.gke.io'],
    ['kubernetes.io/azure-disk', 'disk.csi.azure.com'],
    ['kubernetes.io/vsphere-volume', 'csi.vsphere.vmware.com'],
    ['csi-driver.example.com', 'csi-driver.example.com'],
  ])('%s must be installed as %s, or nobody makes a volume', async (provisioner, name) => {
    expect(await foundWith(provisioner, driver('another.csi.example.com'))).toMatchObject({
      state: 'warn',
      detail: `StorageClass standard (default); the cluster has no driver ${name}, so that standard seems to give no volume`,
      fix: expect.stringContaining('--set storageClass='),
    })
    expect((await foundWith(provisioner, driver(name)))?.state).toBe('ok')
  })

  test('says how EKS gets its own', async () => {
    expect((await foundWith('kubernetes.io/aws-ebs'))?.fix).toContain('aws-ebs-csi-driver')
  })

  test.each([
    'k8s.io/minikube-hostpath',
    'rancher.io/local-path',
    'kubernetes.io/no-provisioner',
    'driver.longhorn.io',
  ])('%s is none that Kubernetes would list', async (provisioner) => {
    expect(await foundWith(provisioner)).toEqual({
      check: 'storage',
      state: 'ok',
      detail: 'StorageClass standard (default)',
    })
  })

  test('of a class that nothing uses is no matter, nor where nobody may look', async () => {
    const unused = { ...standard, metadata: { name: 'gp2' }, provisioner: 'kubernetes.io/aws-ebs' }
    expect(of(await found({ objects: [...MINIKUBE, unused] }), 'storage')?.state).toBe('ok')
    const cluster = standingCluster([...MINIKUBE.slice(0, 1), { ...standard, provisioner: 'ebs.csi.aws.com' }])
    const list: Cluster['list'] = (query) =>
      query.kind === 'CSIDriver'
        ? Promise.reject(new StockpipeError('forbidden', 'may not list csidrivers'))
        : cluster.list(query)
    const session = { may: () => Promise.resolve(true) }
    const asked = {
      cluster: { ...cluster, list },
      session,
      objects: wanted,
      namespace: 'pipeline',
      values: VALUES,
      ...HERE,
    }
    expect(of(await check(asked), 'storage')?.state).toBe('ok')
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
    const findings = await foundUnknown(asks)
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
    expect(of(await foundUnknown(asks), 'scaling')).toMatchObject({
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
