import { expect, test } from 'bun:test'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { COMPONENTS } from './manifests.ts'
import { refOf, wordsOf, type KubeObject } from './object.ts'
import { type ComponentName, composed, PROFILES } from './profile.ts'
import { parseDocuments } from './yaml.ts'

const MANIFESTS = resolve(import.meta.dir, '../../manifests')
const kubectl = Bun.which('kubectl')

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

test.skipIf(kubectl === null).each(PROFILES)('%s is what kubectl kustomize makes of its overlay', async (profile) => {
  const theirs = await kustomized(join(MANIFESTS, 'overlays', profile))
  expect(byName(composed(profile, []))).toEqual(byName(theirs))
})

test.skipIf(kubectl === null).each(Object.keys(COMPONENTS) as ComponentName[])(
  'the component %s is what kubectl kustomize makes of it',
  async (component) => {
    const folder = await mkdtemp(join(tmpdir(), 'stockpipe-kustomize-'))
    try {
      await symlink(MANIFESTS, join(folder, 'manifests'))
      await Bun.write(
        join(folder, 'kustomization.yaml'),
        `resources: [manifests/overlays/ha]\ncomponents: [manifests/components/${component}]\n`,
      )
      expect(byName(composed('ha', [component]))).toEqual(byName(await kustomized(folder)))
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
