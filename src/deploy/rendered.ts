import type { Wanted } from './intent.ts'
import { render } from './render.ts'
import { readValues } from './values.ts'
import { toYaml } from './yaml.ts'

/** The render as text, for kubectl either way. Throws `config` that names every problem of the values. */
export function rendered({ profile, namespace, files, sets }: Wanted, format: 'yaml' | 'json'): string {
  const values = readValues({
    ...(profile === null ? {} : { profile }),
    ...(namespace === null ? {} : { namespace }),
    files,
    sets,
  })
  const objects = render(values)
  if (format === 'yaml') return toYaml(objects)
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`
}
