/** The manifests by hand, without stockpipe: what kubectl makes of them, and what a real API server says to it. */
import { afterAll, describe, expect, test } from 'bun:test'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT, temporaryFolder } from './binary.ts'
import { build } from './cluster/build.ts'
import { useCluster } from './cluster/shared.ts'
import { blocksOf } from './manual/blocks.ts'
import { BY_KUBECTL } from './manual/inline.ts'
import { COMPONENTS } from '../src/deploy/manifests.ts'
import { type KubeObject, refOf, wordsOf } from '../src/deploy/object.ts'
import { type ComponentName, composed, PROFILES } from '../src/deploy/profile.ts'
import { grafanaConfigs } from '../src/deploy/render/grafana.ts'
import { readValues } from '../src/deploy/values.ts'
import { parseDocuments } from '../src/deploy/yaml.ts'

const LIMIT_MS = 120_000
const MANIFESTS = join(ROOT, 'manifests')
const cluster = await useCluster({ mode: 'control-plane' })
const program = cluster === null ? '' : await build('kubectl')

/** Order of keys and of named items means nothing here. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, normal(item)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}
const byName = (objects: readonly KubeObject[]) =>
  Object.fromEntries(objects.map((object) => [wordsOf(refOf(object)), normal(object)]))

/** Made from files by both, see below. */
const isOfGrafana = ({ kind, metadata }: KubeObject): boolean =>
  kind === 'ConfigMap' && metadata.name.startsWith('grafana-')
const withoutFiles = (objects: readonly KubeObject[]): KubeObject[] => objects.filter((it) => !isOfGrafana(it))

/** A folder with a kustomization on top of ours. */
function layered(...lines: string[]) {
  const folder = temporaryFolder()
  symlinkSync(MANIFESTS, join(folder.path, 'manifests'))
  writeFileSync(join(folder.path, 'kustomization.yaml'), lines.join('\n'))
  return folder
}

// No root or no Go: said by test/cluster, and a failure where CI is set.
describe.skipIf(cluster === null)('kubectl', () => {
  const run = async (...words: string[]): Promise<string> => {
    const child = Bun.spawn([program, ...words, '--kubeconfig', cluster?.kubeconfig ?? ''], { stderr: 'pipe' })
    const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    if ((await child.exited) !== 0) throw new Error(error)
    return out
  }
  const kustomized = async (folder: string) =>
    parseDocuments(await run('kustomize', folder), 'kustomize') as KubeObject[]

  test.each(PROFILES)('kustomize makes of the overlay %s what deploy renders from', async (profile) => {
    const theirs = await kustomized(join(MANIFESTS, 'overlays', profile))
    expect(byName(composed(profile, []))).toEqual(byName(withoutFiles(theirs)))
  })

  test.each(Object.keys(COMPONENTS) as ComponentName[])(
    'kustomize makes of the component %s what deploy renders from',
    async (component) => {
      // `ha` has the budgets already.
      const overlay = component === 'disruption-budgets' ? 'minikube' : 'ha'
      using folder = layered(
        `resources: [manifests/overlays/${overlay}]`,
        `components: [manifests/components/${component}]`,
      )
      expect(byName(composed(overlay, [component]))).toEqual(byName(withoutFiles(await kustomized(folder.path))))
    },
  )

  test('kustomize makes of the files of Grafana the ConfigMaps that deploy makes', async () => {
    const sets = ['monitoring.namespace=monitoring', 'monitoring.prometheusUrl=http://prometheus.monitoring:9090']
    const theirs = (await kustomized(join(MANIFESTS, 'base'))).filter(isOfGrafana)
    const ours = grafanaConfigs(readValues({ sets }))
    expect(ours.length).toBeGreaterThan(6)
    expect(byName(ours)).toEqual(byName(theirs))
  })

  describe('by hand', () => {
    const namespace = `by-hand-${crypto.randomUUID().slice(0, 8)}`
    // Others share the cluster.
    afterAll(() => run('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found'), LIMIT_MS)

    test(
      'installs every object, changes nothing the second time, and shows the secrets to keep',
      async () => {
        using folder = layered(`namespace: ${namespace}`, 'resources: [manifests/overlays/minikube]')
        await run('create', 'namespace', namespace)
        // It is the objects that are looked at here: no pod needs to run.
        await run('create', 'quota', 'no-pods', '--hard', 'pods=0', '-n', namespace)
        const wanted = await kustomized(folder.path)
        const apply = ['apply', '--kustomize', folder.path]
        const first = (await run(...apply)).trim().split('\n')
        expect(first.filter((line) => !line.endsWith(' created'))).toEqual([`namespace/${namespace} configured`])
        expect(first.length).toBe(wanted.length)
        const second = (await run(...apply)).trim().split('\n')
        // It compares texts, so some that did not change are "configured": their generation says that they are the same.
        expect(second.filter((line) => !/ (?:unchanged|configured)$/.test(line))).toEqual([])
        const generations = ['-o', 'jsonpath={.items[*].metadata.generation}', '-n', namespace]
        expect(await run('get', 'deployments,statefulsets', ...generations)).toMatch(/^1(?: 1)+$/)
        const kept = await run('get', 'secrets', '-n', namespace, '-o', 'yaml')
        for (const { kind, metadata } of wanted)
          if (kind === 'Secret') expect(kept).toContain(`name: ${metadata.name}\n`)
      },
      LIMIT_MS,
    )
  })

  describe('as the manual says', () => {
    const namespace = `older-${crypto.randomUUID().slice(0, 8)}`
    afterAll(() => run('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found'), LIMIT_MS)
    const wordsOfLine = (line: string) => line.replaceAll('pipeline', namespace).split(' ').slice(1)

    test('the producer of the older pipeline is taken off', async () => {
      const block = (await blocksOf('docs/migration.md')).find(({ text }) => text.startsWith('kubectl scale'))
      const older = ['deployment', 'finnhubproducer', '--namespace', namespace]
      await run('create', 'namespace', namespace)
      await run('create', ...older, '--image', 'finnhubproducer', '--replicas', '1')
      expect(await run(...wordsOfLine((block?.text ?? '').trim()))).toContain('scaled')
      expect(await run('get', ...older, '-o', 'jsonpath={.spec.replicas}')).toBe('0')
    })

    test.each(BY_KUBECTL)('%s is understood', async (line) => {
      const words = wordsOfLine(line).map((word) => (word.startsWith('manifests/') ? join(ROOT, word) : word))
      // Others share the cluster.
      await run(...words, ...(words[0] === 'apply' ? ['--dry-run=server'] : []))
    })
  })
})
