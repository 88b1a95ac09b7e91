import { expect, test } from 'bun:test'

import { render } from './render.ts'
import { rendered } from './rendered.ts'
import { readValues } from './values.ts'
import { parseDocuments } from './yaml.ts'

const NOTHING = { profile: null, namespace: null, files: [], sets: [] }

test('YAML and JSON say the same, in the order in which it is applied', () => {
  const objects = render(readValues())
  expect(parseDocuments(rendered(NOTHING, 'yaml'), 'it')).toEqual(objects)
  expect(JSON.parse(rendered(NOTHING, 'json'))).toEqual({ apiVersion: 'v1', kind: 'List', items: objects })
  expect(objects[0]?.kind).toBe('Namespace')
})

test('profile, namespace, files and sets are heard', () => {
  const files = [{ name: 'a.yaml', text: 'kafka: {storage: 9Gi}\n' }]
  const text = rendered({ profile: 'eks', namespace: 'market', files, sets: ['ui=none'] }, 'yaml')
  for (const part of ['storage: 9Gi', 'storageClassName: gp3', 'namespace: market\n']) expect(text).toContain(part)
  expect(text).not.toContain('kafbat')
})
