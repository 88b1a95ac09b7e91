/** Objects of kinds that others define, judged by a real API server that has the published definitions. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { said, stockpipe, temporaryFolder } from './binary.ts'
import { definitions } from './cluster/definitions.ts'
import { useCluster } from './cluster/shared.ts'
import { Installers } from './deploy/installer.fixture.ts'
import { until } from './until.ts'
import type { KubeObject } from '../src/deploy/object.ts'
import { StockpipeError } from '../src/errors.ts'
import { PROFILES } from '../src/deploy/profile.ts'
import { renderWanted } from '../src/deploy/rendered.ts'

const LIMIT_MS = 120_000
const real = await useCluster({ mode: 'control-plane' })

const OPERATOR = ['monitoring.namespace=monitoring', 'monitoring.by=operator', 'monitoring.labels.release=prometheus']
const GATEWAY = ['api.exposure=gateway', 'api.host=prices.example.com', 'api.class=istio', 'api.tlsSecret=prices-tls']
const KEDA = ['processor.autoscaling.by=keda', 'processor.autoscaling.max=6']
const ALL = [...OPERATOR, ...GATEWAY, ...KEDA, 'api.tokenSecret=api-token']
/** On no node: it is objects that are looked at here. */
const WORDS = [...ALL, 'nodeSelector.nowhere=yes'].flatMap((set) => ['--set', set])
const FOREIGN = /^(keda\.sh|gateway\.networking\.k8s\.io|monitoring\.coreos\.com)\//

// No root or no Go: said by test/cluster, and a failure where CI is set.
describe.skipIf(real === null)('kinds that others bring', () => {
  const folder = temporaryFolder()
  afterAll(() => folder[Symbol.dispose]())
  const cluster = real as NonNullable<typeof real>
  const installers = new Installers(cluster, folder.path)
  const { admin } = installers
  const namespace = `kinds-${crypto.randomUUID().slice(0, 8)}`
  const deploy = async (words: readonly string[], config: string) =>
    said(await stockpipe(['deploy', ...words, '-n', namespace, '--kubeconfig', config], { HOME: folder.path }))
  const foreignOf = (objects: readonly KubeObject[]) => objects.filter(({ apiVersion }) => FOREIGN.test(apiVersion))
  const isServed = ({ apiVersion, kind }: KubeObject) =>
    admin.list({ apiVersion, kind, namespace }).then(
      () => true,
      () => false,
    )

  let published: KubeObject[]
  let unserved: { code: number | null; out: string }
  beforeAll(async () => {
    published = await definitions()
    unserved = await deploy(['check', ...WORDS], cluster.kubeconfig)
    await Promise.all(published.map((definition) => installers.apply(definition)))
    const { objects } = renderWanted({ profile: null, namespace, files: [], sets: ALL })
    for (const object of foreignOf(objects))
      await until(
        () => isServed(object),
        (served) => served,
      )
    await installers.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  }, LIMIT_MS)
  // Others share the cluster, and some of them look at what is missing.
  afterAll(async () => {
    const gone = [...published, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]
    for (const { apiVersion, kind, metadata } of gone)
      await admin.remove({ apiVersion, kind, name: metadata.name, namespace: null })
  }, LIMIT_MS)

  test('are missed by check before anything is applied, with what to do', () => {
    expect(unserved.code).toBe(1)
    expect(unserved.out).toMatch(
      /^fail {2}definitions +the cluster knows no Gateway and no HTTPRoute\n.*api\.exposure=/m,
    )
    expect(unserved.out).toMatch(
      /^fail {2}definitions +the cluster knows no ServiceMonitor and no PrometheusRule\n.*annot/m,
    )
    expect(unserved.out).toMatch(/^fail {2}scaling +the cluster knows no ScaledObject\n.*by=hpa/m)
  })

  test.each(PROFILES)('of the profile %s are accepted with strict fields', async (profile) => {
    const { objects } = renderWanted({ profile, namespace, files: [], sets: ALL })
    const foreign = foreignOf(objects)
    expect(foreign.map(({ kind }) => kind).sort()).toEqual([
      'Gateway',
      'HTTPRoute',
      'PrometheusRule',
      'ScaledObject',
      'ServiceMonitor',
      'TriggerAuthentication',
    ])
    await Promise.all(foreign.map((object) => admin.apply(object, { dryRun: true, force: true })))
  })

  test('are refused with a field that nobody knows, or a value that means nothing', async () => {
    const { objects } = renderWanted({ profile: null, namespace, files: [], sets: ALL })
    const refusalOf = (object: KubeObject, spec: object) =>
      admin.apply({ ...object, spec: { ...(object['spec'] as object), ...spec } }, { dryRun: true, force: true }).then(
        () => 'taken',
        (error: unknown) => (error instanceof StockpipeError ? error.why : String(error)),
      )
    for (const object of foreignOf(objects)) expect(await refusalOf(object, { nonsense: true })).toContain('nonsense')
    const [monitor] = objects.filter(({ kind }) => kind === 'ServiceMonitor') as [KubeObject]
    const endpoints = [{ port: 'http', interval: 'soon' }]
    expect(await refusalOf(monitor, { endpoints })).toContain('interval')
  })

  test(
    'are installed, kept and taken away by an account with the printed roles',
    async () => {
      const roles = await installers.printedRoles(namespace, ...WORDS)
      const config = await installers.make({ namespace, roles })
      const rights = await deploy(['check', ...WORDS], config)
      expect(rights.out).toMatch(/^ok {4}rights +(\d+) of \1 granted$/m)
      expect(rights.out).toMatch(/^ok {4}definitions +the Prometheus Operator is there$/m)
      expect(await deploy(['apply', '--yes', '--no-wait', ...WORDS], config)).toMatchObject({ code: 0 })
      expect((await deploy(['apply', '--yes', '--no-wait'], config)).out).toContain('nothing to change')
      expect(await deploy(['uninstall', '--yes'], config)).toMatchObject({ code: 0 })
      const query = { apiVersion: 'monitoring.coreos.com/v1', kind: 'ServiceMonitor', namespace }
      expect(await admin.list(query)).toEqual([])
      for (const { kind, metadata } of roles.filter(({ kind }) => kind === 'ClusterRole'))
        for (const made of [kind, `${kind}Binding`])
          await admin.remove({
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: made,
            name: metadata.name,
            namespace: null,
          })
    },
    LIMIT_MS,
  )
})
