/** What `stockpipe deploy` prints for programs, and what it only tries, against a small API server. */
import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test'

import { startFakeServer, type FakeServer } from '../../deploy/cluster/server.fixture.ts'
import { StockpipeError } from '../../errors.ts'
import { Secrets } from '../../secrets.ts'
import { execute } from '../command.ts'
import { deployCommand } from '../deploy.ts'
import { takeApart } from '../line.ts'

let server: FakeServer
let kubeconfig: string
beforeAll(async () => {
  server = await startFakeServer()
  kubeconfig = await server.kubeconfig()
})
afterAll(() => server[Symbol.asyncDispose]())

/** What it printed, what it told besides, and how it ended. */
async function deploy(...words: string[]): Promise<{ code: number; data: unknown; told: string }> {
  let out = ''
  let told = ''
  const stderr = spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text)
    return true
  })
  try {
    const line = await takeApart(['deploy', ...words], [deployCommand])
    if (line === null) throw new Error('that is no command')
    const print = (text: string | Uint8Array) => Promise.resolve(void (out += String(text)))
    const code = await execute(line, { env: {}, cwd: '/', print, warn: () => undefined, secrets: new Secrets() })
    return { code, data: JSON.parse(out), told }
  } finally {
    stderr.mockRestore()
  }
}
const there = (...words: string[]) => deploy(...words, '--kubeconfig', kubeconfig, '-n', 'programs', '-o', 'json')

test('the roles of an installer are a list for kubectl', async () => {
  const { data } = await deploy('check', '--roles', '-o', 'json')
  expect(data).toMatchObject({ kind: 'List', items: [{ kind: 'ClusterRole' }, { kind: 'Role' }] })
})

test('a dry run that names no judge asks no cluster', async () => {
  const { data, told } = await deploy('apply', '--dry-run', '-o', 'json', '--kubeconfig', '/nowhere')
  expect(data).toContainEqual(expect.objectContaining({ verb: 'apply', object: 'StatefulSet pipeline/kafka' }))
  expect(told).toBe('')
})

test('an installation comes and goes as data, and what is told to people is not among it', async () => {
  const kafka = { object: 'StatefulSet programs/kafka', kind: 'StatefulSet', name: 'kafka', namespace: 'programs' }
  const applied = await there('apply', '--yes', '--no-wait')
  expect(applied.data).toContainEqual(expect.objectContaining({ verb: 'create', ...kafka }))
  expect(applied.told).toContain('created    StatefulSet programs/kafka\n')

  server.api.writes.length = 0
  server.requests.length = 0
  const going = { deleted: expect.arrayContaining([expect.objectContaining(kafka)]) }
  expect(await there('uninstall', '--dry-run')).toMatchObject({ code: 0, data: going })
  const deletes = () => server.requests.filter((line) => line.startsWith('DELETE'))
  expect(deletes()).toEqual([])
  expect(await there('uninstall', '--dry-run=server')).toMatchObject({ code: 0, data: going })
  expect(deletes().length).toBeGreaterThan(20)
  const message = 'User "dev" cannot delete resource "statefulsets" in API group "apps" in the namespace "programs"'
  server.faults.push({ when: /DELETE .*statefulsets/, times: 1, status: { code: 403, message } })
  const refused: unknown = await there('uninstall', '--dry-run=server').catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(StockpipeError)
  expect(refused).toMatchObject({
    code: 'forbidden',
    why: 'dev may not delete statefulsets.apps in the namespace programs',
  })
  expect(server.api.writes).toEqual([])

  const gone = await there('uninstall', '--yes')
  expect(gone.data).toMatchObject({
    ...going,
    stays: expect.arrayContaining([expect.objectContaining({ object: 'Namespace programs' })]),
  })
  expect(gone.told).toContain('deleted    StatefulSet programs/kafka\n')
})

test('what fails is data too', async () => {
  const tested = await there('test')
  expect(tested).toMatchObject({
    code: 1,
    data: expect.arrayContaining([expect.objectContaining({ name: 'producer', ok: false })]),
  })
  expect(tested.told).toContain('fail  producer  it is not installed\n')
  const installed = await there()
  expect(installed).toMatchObject({
    code: 1,
    data: {
      checks: expect.arrayContaining([expect.objectContaining({ check: 'storage', state: 'fail' })]),
      steps: [],
      tests: [],
    },
  })
})
