import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { parseAllDocuments } from 'yaml'

import { Secrets } from '../secrets.ts'
import { grafanaCommand } from './grafana.ts'
import { grafanaFiles } from '../deploy/grafana/files.ts'

const DEFAULTS = { dir: null, k8s: false, namespace: 'pipeline', source: null, symbols: null }

async function run(values: Partial<Record<keyof typeof DEFAULTS, unknown>>): Promise<string> {
  let printed = ''
  if (grafanaCommand.configured) throw new Error('it needs no configuration')
  const code = await grafanaCommand.run({
    values: { ...DEFAULTS, ...values },
    positional: 'export',
    print: async (text) => void (printed += text),
    secrets: new Secrets(),
  })
  expect(code).toBe(0)
  return printed
}

test('the files are written, and it says what they are and where they belong', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpipe-grafana-'))
  try {
    const printed = await run({ dir })
    expect(printed).toContain('stockpipe: Market, ')
    expect(printed).toContain('/etc/stockpipe')
    for (const [path, text] of grafanaFiles()) expect(await Bun.file(join(dir, path)).text()).toBe(text)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('ConfigMaps hold the same files, byte for byte', async () => {
  const documents = parseAllDocuments(await run({ k8s: true, namespace: 'monitoring' }))
  const maps = documents.map((document) => document.toJS() as { metadata: { namespace: string }; data: object })
  expect(maps.map(({ metadata }) => metadata.namespace)).toEqual(maps.map(() => 'monitoring'))
  const texts = maps.flatMap(({ data }) => Object.values(data) as string[])
  expect(texts.toSorted()).toEqual([...grafanaFiles().values()].toSorted())
})
