/** Who may install: by accounts of a real Kubernetes, with the executable. */
import { afterAll, describe, expect, test } from 'bun:test'
import { openKubernetes } from '../src/deploy/cluster/kubernetes.ts'
import type { Right } from '../src/deploy/cluster.ts'
import type { KubeObject } from '../src/deploy/object.ts'
import { PROFILES } from '../src/deploy/profile.ts'
import { renderWanted } from '../src/deploy/rendered.ts'
import { neededRights, rightWords } from '../src/deploy/rights.ts'
import { said, stockpipe, temporaryFolder } from './binary.ts'
import { useCluster } from './cluster/shared.ts'
import { Installers, type Role } from './deploy/installer.fixture.ts'

const LIMIT_MS = 120_000
const real = await useCluster({ mode: 'control-plane' })
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** On no node: it is objects that are looked at here, and other tests need the machine. */
const NOWHERE = ['--set', 'nodeSelector.nowhere=yes']

if (real !== null) {
  const { context } = real
  const installers = new Installers(real, folder.path)
  const { admin } = installers
  const apply = (object: KubeObject) => installers.apply(object)

  const deploy = async (words: readonly string[], config: string) =>
    said(await stockpipe(['deploy', ...words, '--kubeconfig', config], { HOME: folder.path }, folder.path))

  const without = (roles: readonly Role[], lost: Pick<Right, 'verb' | 'group' | 'resource' | 'name'>): Role[] =>
    roles.map((role) => ({
      ...role,
      rules: role.rules.flatMap((rule) => {
        const { apiGroups, resources, verbs, resourceNames } = rule
        const isOf = resourceNames?.[0] === lost.name && apiGroups.includes(lost.group)
        if (!isOf || !resources.includes(lost.resource) || !verbs.includes(lost.verb)) return [rule]
        const others = resources.filter((resource) => resource !== lost.resource)
        const less = verbs.filter((verb) => verb !== lost.verb)
        return [
          ...(others.length > 0 ? [{ ...rule, resources: others }] : []),
          ...(less.length > 0 ? [{ ...rule, resources: [lost.resource], verbs: less }] : []),
        ]
      }),
    }))

  const unused = () => `rights-${crypto.randomUUID().slice(0, 8)}`

  test(
    'an account with exactly the printed roles checks, installs, changes, looks and takes away',
    async () => {
      const namespace = unused()
      const roles = await installers.printedRoles(namespace)
      const config = await installers.make({ namespace, roles })
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
      await installers.remove({ namespace, roles })
    },
    LIMIT_MS,
  )

  test(
    'with one right less, whichever it is, check names it',
    async () => {
      const namespace = unused()
      const roles = await installers.printedRoles(namespace)
      const config = await installers.make({ namespace, roles })
      const session = openKubernetes({ kubeconfig: config, context: null, announce: () => undefined })
      const { objects } = renderWanted({ profile: null, namespace, files: [], sets: [] })
      const { checkRights } = await import('../src/deploy/check/rights.ts')
      const asked = { cluster: session, session, objects, namespace }
      for (const lost of neededRights(objects, namespace)) {
        for (const role of without(roles, lost)) await apply(role)
        // The authorizer hears of a change a moment later.
        const words = rightWords(lost)
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
      await installers.remove({ namespace, roles })
    },
    LIMIT_MS,
  )

  test(
    'an install that meets a missing right in the middle names it, and is finished when it is granted',
    async () => {
      const namespace = unused()
      const roles = await installers.printedRoles(namespace)
      const fewer = without(roles, { verb: 'create', group: 'apps', resource: 'deployments' })
      const config = await installers.make({ namespace, roles: fewer })
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
      await installers.remove({ namespace, roles })
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
