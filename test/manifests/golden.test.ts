import { describe, expect, test } from 'bun:test'

import { PROFILES } from '../../src/deploy/profile.ts'
import { render } from '../../src/deploy/render.ts'
import { readValues } from '../../src/deploy/values.ts'
import { valuesSchema } from '../../src/deploy/values/schema.ts'
import { toYaml } from '../../src/deploy/yaml.ts'
import { rendered } from './combinations.ts'
import { GOLDEN, goldenFile, goldenText } from './golden.ts'
import { README, withSums } from './sums.ts'

test.each(Object.entries(GOLDEN))(
  '%s renders to its golden file (renew: bun test/manifests/golden.ts)',
  async (name, render) => {
    expect(goldenText(render())).toBe(await Bun.file(goldenFile(name)).text())
  },
)

test.each(PROFILES)('%s renders to the same bytes, however often', (profile) => {
  const bytes = () =>
    toYaml(rendered({ profile, sets: ['settings.delay=20s', 'kafka.heap=400m', 'cassandra.heap=500m'] }))
  expect(bytes()).toBe(bytes())
})

test('a change of settings changes the pods that read them and the jobs, and no other', () => {
  const hashes = (sets: string[]) =>
    new Map(
      rendered({ sets }).flatMap(({ kind, metadata, ...rest }) => {
        const spec = rest['spec'] as { template?: unknown } | undefined
        return spec?.template === undefined
          ? []
          : [[`${kind} ${metadata.name}`, JSON.stringify(spec.template)] as const]
      }),
    )
  const before = hashes([])
  const after = hashes(['settings.delay=20s'])
  const changed = [...after].filter(([name, template]) => before.get(name) !== template).map(([name]) => name)
  expect(changed.map((name) => name.replace(/-[0-9a-f]{10}$/, '-HASH')).sort()).toEqual([
    'Deployment stockpipe-api',
    'Deployment stockpipe-processor',
    'Deployment stockpipe-producer',
    'Job setup-schema-HASH',
    'Job setup-topics-HASH',
  ])
  expect([...before.keys()].filter((name) => !after.has(name))).toHaveLength(2)
})

describe('manifests/README.md', () => {
  test('says what each profile asks for (renew: bun test/manifests/golden.ts)', async () => {
    const readme = await Bun.file(README).text()
    expect(withSums(readme)).toBe(readme)
  })

  test('has values that are taken', async () => {
    const [, example = ''] = /```yaml\n([^`]*)```/.exec(await Bun.file(README).text()) ?? []
    const text = example.replace(/^#.*$/gm, '')
    const values = readValues({ profile: 'ha', files: [{ name: 'README.md', text }] })
    expect(values).toMatchObject({ feed: 'finnhub', kafka: { replicas: 3 }, api: { exposure: 'ingress' } })
    expect(render(values).length).toBeGreaterThan(40)
    expect(
      Object.keys(valuesSchema.entries).filter((key) => !example.includes(`\n${key}:`) && !example.startsWith(key)),
    ).toEqual([])
  })
})
