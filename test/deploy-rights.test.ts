/** Who may install: by accounts of a real Kubernetes, with the executable. */
import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { openKubernetes } from '../src/deploy/cluster/kubernetes.ts'
import type { KubeObject } from '../src/deploy/object.ts'
import { PROFILES } from '../src/deploy/profile.ts'
import { renderWanted } from '../src/deploy/rendered.ts'
import { neededRights } from '../src/deploy/rights.ts'
import { parseDocuments } from '../src/deploy/yaml.ts'
import { said, stockpipe, temporaryFolder } from './binary.ts'
import { useCluster } from './cluster/shared.ts'

const LIMIT_MS = 120_000
const real = await useCluster({ mode: 'control-plane' })
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** On no node: it is objects that are looked at here, and other tests need the machine. */
const NOWHERE = ['--set', 'nodeSelector.nowhere=yes']

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
  resourceNames?: string[]
}
type Role = KubeObject & { rules: Rule[] }

if (real !== null) {
  const { kubeconfig, context, api } = real
  const admin = openKubernetes({ kubeconfig, context: null, announce: () => undefined })
  const apply = (object: KubeObject) => admin.apply(object, { dryRun: false, force: true })

  const deploy = async (words: readonly string[], config: string) =>
    said(await stockpipe(['deploy', ...words, '--kubeconfig', config], { HOME: folder.path }, folder.path))

  /** A namespace with an account in it that has these roles; its kubeconfig holds a token, as a pipeline's would. */
  async function installer(namespace: string, roles: readonly Role[]): Promise<string> {
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'installer', namespace } })
    for (const role of roles) await apply(role)
    const group = 'rbac.authorization.k8s.io'
    const subjects = [{ kind: 'ServiceAccount', name: 'installer', namespace }]
    for (const { kind, metadata } of roles) {
      const place = kind === 'Role' ? { namespace } : {}
      await apply({
        apiVersion: `${group}/v1`,
        kind: `${kind}Binding`,
        metadata: { name: metadata.name, ...place },
        roleRef: { apiGroup: group, kind, name: metadata.name },
        subjects,
      })
    }
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/installer/token`
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const { status } = await api.get<{ status: { token: string } }>(path, { method: 'POST', body })
    return loginWith(namespace, status.token)
  }

  async function loginWith(namespace: string, token: string): Promise<string> {
    const config = Bun.YAML.parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: object }[] }
    for (const entry of config.users) entry.user = { token }
    const file = join(folder.path, `${namespace}.json`)
    await Bun.write(file, JSON.stringify(config))
    return file
  }

  /** As printed, under a name of its own: roles of the whole cluster are seen by every test. */
  async function printedRoles(namespace: string): Promise<Role[]> {
    const { out, code } = await deploy(['check', '--roles', '-n', namespace], kubeconfig)
    expect(code).toBe(0)
    const roles = parseDocuments(out, 'the roles') as Role[]
    expect(roles.map(({ kind }) => kind)).toEqual(['ClusterRole', 'Role'])
    return roles.map((role) => ({
      ...role,
      metadata: { ...role.metadata, name: `${role.metadata.name}-${namespace}` },
    }))
  }

  const without = (roles: readonly Role[], lost: { verb: string; group: string; resource: string }): Role[] =>
    roles.map((role) => ({
      ...role,
      rules: role.rules.flatMap((rule) => {
        const { apiGroups, resources, verbs, resourceNames } = rule
        const isLost = apiGroups.includes(lost.group) && resources.includes(lost.resource) && verbs.includes(lost.verb)
        if (!isLost || resourceNames?.includes('kube-system') === true) return [rule]
        const others = resources.filter((resource) => resource !== lost.resource)
        const less = verbs.filter((verb) => verb !== lost.verb)
        return [
          ...(others.length > 0 ? [{ ...rule, resources: others }] : []),
          ...(less.length > 0 ? [{ ...rule, resources: [lost.resource], verbs: less }] : []),
        ]
      }),
    }))

  async function ended(namespace: string, roles: readonly Role[]): Promise<void> {
    for (const { kind, metadata } of roles.filter(({ kind }) => kind === 'ClusterRole'))
      for (const made of [kind, `${kind}Binding`])
        await admin.remove({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: made,
          name: metadata.name,
          namespace: null,
        })
    await admin.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespace, namespace: null })
  }

  const unused = () => `rights-${crypto.randomUUID().slice(0, 8)}`

  test(
    'an account with exactly the printed roles checks, installs, changes, looks and takes away',
    async () => {
      const namespace = unused()
      const roles = await printedRoles(namespace)
      const config = await installer(namespace, roles)
      const run = async (words: readonly string[], code: number) => {
        const ran = await deploy([...words, '-n', namespace], config)
        expect({ words, ...ran }).toMatchObject({ code })
        return ran
      }
      const rights = (await deploy(['check', '-n', namespace], config)).out
      expect(rights).toMatch(/^ok {4}rights +(\d+) of \1 granted$/m)
      await run(['apply', '--yes', '--no-wait', ...NOWHERE], 0)
      expect((await run(['apply', '--yes', '--no-wait'], 0)).out).toContain('nothing to change')
      await run(['diff', ...NOWHERE, '--set', 'processor.replicas=2'], 1)
      await run(['apply', '--yes', '--no-wait', ...NOWHERE, '--set', 'ui=none'], 0)
      // Nothing runs: that is what status has to say.
      expect((await run(['status'], 1)).out).toContain(`${context} (`)
      expect((await run(['logs', '--tail', '1'], 0)).out).toBe('')
      await run(['uninstall', '--yes'], 0)
      expect(await admin.list({ apiVersion: 'apps/v1', kind: 'StatefulSet', namespace })).toEqual([])
      await ended(namespace, roles)
    },
    LIMIT_MS,
  )

  test(
    'with one right less, whichever it is, check names it',
    async () => {
      const namespace = unused()
      const roles = await printedRoles(namespace)
      const config = await installer(namespace, roles)
      const session = openKubernetes({ kubeconfig: config, context: null, announce: () => undefined })
      const { objects } = renderWanted({ profile: null, namespace, files: [], sets: [] })
      const { checkRights } = await import('../src/deploy/check/rights.ts')
      const asked = { cluster: session, session, objects, namespace }
      for (const lost of neededRights(objects, namespace)) {
        for (const role of without(roles, lost)) await apply(role)
        // The authorizer hears of a change a moment later.
        const words = `${lost.verb} ${lost.resource}`
        let found = await checkRights(asked)
        for (let tries = 0; tries < 50 && found.every(({ state }) => state === 'ok'); tries++) {
          await Bun.sleep(50)
          found = await checkRights(asked)
        }
        const missing = found.filter(({ state }) => state !== 'ok')
        expect({ lost: words, missing }).toMatchObject({
          missing: [{ state: lost.isOptional ? 'warn' : 'fail', detail: expect.stringContaining(words) }],
        })
        for (const role of roles) await apply(role)
        for (let tries = 0; tries < 50 && (await checkRights(asked)).some(({ state }) => state !== 'ok'); tries++)
          await Bun.sleep(50)
      }
      await ended(namespace, roles)
    },
    LIMIT_MS,
  )

  test(
    'an install that meets a missing right in the middle names it, and is finished when it is granted',
    async () => {
      const namespace = unused()
      const roles = await printedRoles(namespace)
      const config = await installer(
        namespace,
        without(roles, { verb: 'create', group: 'apps', resource: 'deployments' }),
      )
      const words = ['apply', '--yes', '--no-wait', ...NOWHERE, '-n', namespace]
      const refused = await deploy(words, config)
      expect(refused.code).toBe(1)
      expect(refused.err).toContain('create')
      expect(refused.err).toContain('deployments')
      for (const role of roles) await apply(role)
      let finished = await deploy(words, config)
      for (let tries = 0; tries < 20 && finished.code !== 0; tries++) finished = await deploy(words, config)
      expect(finished).toMatchObject({ code: 0 })
      expect((await deploy(words, config)).out).toContain('nothing to change')
      await ended(namespace, roles)
    },
    LIMIT_MS,
  )

  const SETS: readonly (readonly string[])[] = [
    [],
    ['processor.autoscaling.by=hpa'],
    ['ui=kafdrop'],
    ['feed=finnhub'],
    ['api.exposure=ingress', 'api.host=prices.example.com', 'api.tlsSecret=prices-tls'],
    ['api.exposure=load-balancer'],
    ['monitoring.namespace=monitoring', 'monitoring.prometheusUrl=http://prometheus.monitoring:9090'],
  ]

  describe.each(PROFILES)('the profile %s', (profile) => {
    test.each(SETS.map((sets) => [sets.join(' ') || 'as it is', sets] as const))(
      'with "%s" is accepted by the server',
      async (_, sets) => {
        const namespace = unused()
        const { objects } = renderWanted({ profile, namespace, files: [], sets })
        await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
        await Promise.all(objects.map((object) => admin.apply(object, { dryRun: true, force: true })))
        await admin.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespace, namespace: null })
      },
      LIMIT_MS,
    )
  })
}
