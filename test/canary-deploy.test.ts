/** As canary.test.ts, for what `deploy` says and keeps. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startFakeServer } from '../src/deploy/cluster/server.fixture.ts'
import { at } from '../src/deploy/fields.ts'
import { render } from '../src/deploy/render.ts'
import { keysOf } from '../src/deploy/secrets.ts'
import { readValues } from '../src/deploy/values.ts'
import { OFFLINE, ROOT, stockpipe } from './binary.ts'
import { canary, traces } from './canary.ts'
import { valueOf } from './canary-given.ts'

const LIMIT_MS = 120_000
const folder = mkdtempSync(join(tmpdir(), 'stockpipe-canary-deploy-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One that `deploy` fills. */
const SECRET = /^kind: Secret\nmetadata:\n  name: (\S+)\n(?:  .*\n)*?    stockpipe\.dev\/keys:/gm
test('the cluster that says our secrets back is given every Secret that a cluster can be given', async () => {
  const ours = new Set<string>()
  for await (const path of new Bun.Glob('manifests/**/*.yaml').scan(ROOT))
    for (const [, name = ''] of (await Bun.file(join(ROOT, path)).text()).matchAll(SECRET)) ours.add(name)
  expect(ours).toContain('finnhub')
  const given = render(readValues({ sets: ['feed=finnhub'] })).filter((object) => keysOf(object).length > 0)
  expect(given.map(({ metadata }) => metadata.name).sort()).toEqual([...ours].sort())
})

test(
  'a cluster that says our credentials and its own secrets back',
  async () => {
    await using server = await startFakeServer()
    const cwd = folder
    const token = valueOf('finnhubToken')
    writeFileSync(join(cwd, 'token'), token)
    const kubeconfig = join(cwd, 'kubeconfig')
    const config = JSON.parse(readFileSync(await server.kubeconfig(), 'utf8')) as { users: { user: object }[] }
    for (const one of config.users) one.user = { ...one.user, token: canary('kubeconfig') }
    writeFileSync(kubeconfig, JSON.stringify(config))
    let said = ''
    const run = async (words: readonly string[], code: number) => {
      const ran = await stockpipe(['deploy', ...words, '--kubeconfig', kubeconfig], OFFLINE, cwd)
      said += ran.stdout + ran.stderr
      expect([words, ran.code, ran.code === code ? '' : ran.stderr]).toEqual([words, code, ''])
    }
    const live = ['--finnhub-token-file', 'token']
    const invalid = {
      code: 422,
      reason: 'Invalid',
      message: `Secret is invalid: ${token} ${btoa(token)} Bearer ${canary('kubeconfig')}`,
    }
    const refuse = (when: RegExp) => server.faults.push({ when, times: 1, status: invalid })
    refuse(/PATCH .*dryRun/)
    await run(['diff', ...live], 2)
    await run(['diff', ...live], 1)
    refuse(/PATCH .*secrets\/finnhub\?(?!.*dryRun)/)
    await run(['apply', '--yes', '--no-wait', ...live], 1)
    await run(['apply', '--yes', '--no-wait', ...live], 0)
    const made = server.api.list('Secret', 'pipeline').flatMap((secret) => Object.entries(secret['data'] as object))
    const secrets = made.filter(([key]) => key !== 'username').map(([, value]) => String(value))
    expect(secrets).toContain(btoa(token))
    server.logLines.push(`login with ${token}`, ...secrets.map((value) => `got ${value} ${atob(value)}`))
    const kafka = server.api.get({ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'kafka', namespace: 'pipeline' })
    const { labels } = at(kafka, 'spec', 'template', 'metadata') as { labels: Record<string, string> }
    const waiting = { reason: 'CreateContainerConfigError', message: `no key for ${token} ${secrets.join(' ')}` }
    server.api.set({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'kafka-0', namespace: 'pipeline', labels },
      spec: { containers: [{ name: 'kafka' }] },
      status: { phase: 'Pending', containerStatuses: [{ name: 'kafka', restartCount: 0, state: { waiting } }] },
    })
    await run(['status', '-o', 'json'], 1)
    await run(['status'], 1)
    expect(said).toContain('no key for ***')
    await run(['logs', 'kafka'], 0)
    expect(said).toContain('kafka-0 kafka  login with ***')
    await run(['check', ...live], 1)
    await run(['bundle', '--out', 'bundle.tgz'], 0)
    const files = await new Bun.Archive(await Bun.file(join(cwd, 'bundle.tgz')).bytes()).files()
    for (const file of files.values()) said += await file.text()
    // As its controller would.
    server.api.remove({ apiVersion: 'v1', kind: 'Pod', name: 'kafka-0', namespace: 'pipeline' })
    await run(['uninstall', '--yes'], 0)
    const all = [...secrets, ...secrets.map((value) => atob(value))]
    expect(all.length).toBeGreaterThan(10)
    for (const secret of all) expect(said.includes(secret)).toBe(false)
    expect(traces(said)).toEqual([])
  },
  LIMIT_MS,
)
