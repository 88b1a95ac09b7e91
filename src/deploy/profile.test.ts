import { expect, test } from 'bun:test'
import { join, resolve } from 'node:path'

import { BASE, COMPONENTS, OVERLAYS } from './manifests.ts'
import { type ComponentName, PROFILES } from './profile.ts'

const MANIFESTS = resolve(import.meta.dir, '../../manifests')

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
