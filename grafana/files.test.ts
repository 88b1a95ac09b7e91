import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'

import { HOSTS } from './lint/source-rules.ts'
import { outputs } from './src/outputs.ts'
import { FASTEST } from './src/panels.ts'
import { PLUGINS } from './src/sources.ts'
import { INSTALLS } from './surroundings.fixture.ts'
import { grafanaFiles } from '../src/deploy/grafana/files.ts'

const read = (path: string): Promise<string> => Bun.file(join(import.meta.dir, path)).text()
const found = (pattern: string): Promise<string[]> => Array.fromAsync(new Bun.Glob(pattern).scan(import.meta.dir))
const exists = (path: string): Promise<boolean> => Bun.file(join(import.meta.dir, path)).exists()

describe('the committed files', () => {
  test.each([...outputs()])('%s is what the source makes: bun grafana/generate.ts', async (path, text) => {
    expect(await read(path)).toBe(text)
  })

  test('nothing else lies where the generated ones are', async () => {
    const there = [...(await found('dashboards/*')), ...(await found('provisioning/alerting/*'))]
    expect(there.toSorted()).toEqual(
      [...outputs().keys()].filter((path) => /^(dashboards|provisioning)\//.test(path)).toSorted(),
    )
  })

  test('the executable carries all that Grafana reads, byte for byte', async () => {
    const carried = grafanaFiles()
    const there = [...(await found('dashboards/*')), ...(await found('provisioning/*/*'))]
    expect([...carried.keys()].toSorted()).toEqual(there.toSorted())
    for (const [path, text] of carried) expect(text).toBe(await read(path))
  })
})

describe("Grafana's process", () => {
  const NEEDED = { GF_PLUGINS_PREINSTALL_SYNC: PLUGINS.join(), GF_DASHBOARDS_MIN_REFRESH_INTERVAL: FASTEST }

  test.each(INSTALLS)('of $where has the plugins and the fastest refresh that dashboards are made for', ({ env }) => {
    expect(env).toMatchObject({ ...NEEDED, STOCKPIPE_GRAFANA_CASSANDRA_HOSTS: expect.stringMatching(HOSTS) })
  })

  test('the README has the same', async () => {
    expect(await read('README.md')).toMatch(new RegExp(`GF_DASHBOARDS_MIN_REFRESH_INTERVAL\`\\s+\\| \`${FASTEST}\``))
  })
})

describe('what people must set', () => {
  test('the README names every variable of the data sources, and no other', async () => {
    const inFiles = (await read('provisioning/datasources/stockpipe.yaml')).match(/STOCKPIPE_GRAFANA_\w+/g) ?? []
    const inReadme = (await read('README.md')).match(/STOCKPIPE_GRAFANA_\w+/g) ?? []
    expect([...new Set(inReadme)].toSorted()).toEqual([...new Set(inFiles)].toSorted())
  })

  test('the README names the plugins and their versions', async () => {
    expect(await read('README.md')).toContain(`GF_PLUGINS_PREINSTALL_SYNC=${PLUGINS.join()}`)
    // To fetch them where there is a network.
    for (const plugin of PLUGINS)
      for (const page of ['README.md', '../manifests/README.md'])
        expect(await read(page)).toContain(plugin.replace('@', ' '))
    const types = (await read('provisioning/datasources/stockpipe.yaml')).match(/(?<=type: )\S+/g) ?? []
    for (const plugin of PLUGINS) expect(types).toContain(plugin.split('@')[0] ?? '')
  })

  test('dashboards and alerts are in one folder: neither has a uid of its own for it', async () => {
    const { providers } = Bun.YAML.parse(await read('provisioning/dashboards/stockpipe.yaml')) as {
      providers: { folder: string; folderUid?: string }[]
    }
    const { groups } = Bun.YAML.parse(await read('provisioning/alerting/stockpipe.yaml')) as {
      groups: { folder: string }[]
    }
    expect(new Set([...providers, ...groups].map(({ folder }) => folder)).size).toBe(1)
    expect(providers.filter(({ folderUid }) => folderUid !== undefined)).toEqual([])
  })

  test('the provider looks where the README says that dashboards lie', async () => {
    const [, folder = ''] = /path: (\S+)/.exec(await read('provisioning/dashboards/stockpipe.yaml')) ?? []
    expect(await read('README.md')).toContain(`\`${folder}/\``)
    expect(await exists('dashboards/market.json')).toBe(true)
  })
})
