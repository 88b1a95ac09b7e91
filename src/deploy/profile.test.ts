import { expect, test } from 'bun:test'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { BASE, COMPONENTS, OVERLAYS } from './manifests.ts'
import { refOf, wordsOf, type KubeObject } from './object.ts'
import { type ComponentName, composed, PROFILES } from './profile.ts'
import { grafanaConfigs } from './render/grafana.ts'
import { readValues } from './values.ts'
import { parseDocuments } from './yaml.ts'

const MANIFESTS = resolve(import.meta.dir, '../../manifests')
const kubectl = Bun.which('kubectl')
// Old ones know no components, so none is installed for this; what the kustomizations name is tried without it below.
if (kubectl === null) console.warn('SKIPPED: what kubectl kustomize makes of manifests/, for there is no kubectl')

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

async function kustomized(folder: string): Promise<KubeObject[]> {
  const { stdout, stderr, exitCode } = Bun.spawnSync([kubectl ?? 'kubectl', 'kustomize', folder])
  if (exitCode !== 0) throw new Error(stderr.toString())
  return parseDocuments(stdout.toString(), 'kustomize') as KubeObject[]
}

/** Made from files by both, see below. */
const isOfGrafana = ({ kind, metadata }: KubeObject): boolean =>
  kind === 'ConfigMap' && metadata.name.startsWith('grafana-')
const withoutFiles = (objects: readonly KubeObject[]): KubeObject[] => objects.filter((it) => !isOfGrafana(it))

test.skipIf(kubectl === null).each(PROFILES)('%s is what kubectl kustomize makes of its overlay', async (profile) => {
  const theirs = await kustomized(join(MANIFESTS, 'overlays', profile))
  expect(byName(composed(profile, []))).toEqual(byName(withoutFiles(theirs)))
})

test.skipIf(kubectl === null).each(Object.keys(COMPONENTS) as ComponentName[])(
  'the component %s is what kubectl kustomize makes of it',
  async (component) => {
    // `ha` has the budgets already.
    const overlay = component === 'disruption-budgets' ? 'minikube' : 'ha'
    const folder = await mkdtemp(join(tmpdir(), 'stockpipe-kustomize-'))
    try {
      await symlink(MANIFESTS, join(folder, 'manifests'))
      await Bun.write(
        join(folder, 'kustomization.yaml'),
        `resources: [manifests/overlays/${overlay}]\ncomponents: [manifests/components/${component}]\n`,
      )
      expect(byName(composed(overlay, [component]))).toEqual(byName(withoutFiles(await kustomized(folder))))
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)

test.skipIf(kubectl === null)(
  'the files of Grafana are the ConfigMaps that kubectl kustomize makes of them',
  async () => {
    const sets = ['monitoring.namespace=monitoring', 'monitoring.prometheusUrl=http://prometheus.monitoring:9090']
    const theirs = (await kustomized(join(MANIFESTS, 'base'))).filter(isOfGrafana)
    const ours = grafanaConfigs(readValues({ sets }))
    expect(ours.length).toBeGreaterThan(6)
    expect(byName(ours)).toEqual(byName(theirs))
  },
)

/** Files of a kustomization, in the order in which they are laid over each other. */
async function filesOf(folder: string): Promise<string[]> {
  const {
    resources = [],
    components = [],
    patches = [],
  } = Bun.YAML.parse(await Bun.file(join(folder, 'kustomization.yaml')).text()) as {
    resources?: string[]
    components?: string[]
    patches?: { path: string }[]
  }
  const parts = [...resources, ...components, ...patches.map(({ path }) => path)].filter(
    (part) => part !== '../../grafana',
  )
  const texts = parts.map((part) =>
    part.endsWith('.yaml') ? Bun.file(join(folder, part)).text() : filesOf(join(folder, part)),
  )
  return (await Promise.all(texts)).flat()
}

test.each(PROFILES)('%s in the executable is what its kustomization names', async (profile) => {
  expect(await filesOf(join(MANIFESTS, 'overlays', profile))).toEqual([...BASE, ...OVERLAYS[profile]])
})

test.each(Object.keys(COMPONENTS) as ComponentName[])('so is the component %s', async (component) => {
  expect(await filesOf(join(MANIFESTS, 'components', component))).toEqual([...COMPONENTS[component]])
})
