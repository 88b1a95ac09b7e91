import { filesOf, type Wanted } from './intent.ts'
import type { KubeObject } from './object.ts'
import { render } from './render.ts'
import { readValues } from './values.ts'
import { printedObjects } from './yaml.ts'

/** What is wanted where no cluster is asked. Throws `config` that names every problem of the values. */
export function renderWanted({ profile, namespace, sets, ...wanted }: Wanted): {
  objects: KubeObject[]
  namespace: string
} {
  const values = readValues({
    ...(profile === null ? {} : { profile }),
    ...(namespace === null ? {} : { namespace }),
    files: filesOf(wanted),
    sets,
  })
  return { objects: render(values), namespace: values.namespace }
}

/** The render as text, for kubectl either way. */
export const rendered = (wanted: Wanted, format: 'yaml' | 'json'): string =>
  printedObjects(renderWanted(wanted).objects, format)
