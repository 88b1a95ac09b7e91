import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import { systemClock } from '../../clock.ts'
import { StockpipeError, toWords } from '../../errors.ts'
import { openConnection } from './connection.ts'
import { readKubeconfig, type Surroundings, type Wanted } from './kubeconfig.ts'

const folder = mkdtempSync(join(tmpdir(), 'stockpipe-kubeconfig-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Written {
  current?: string
  contexts: Record<string, string>
  user?: object
}

let written = 0
/** A kubeconfig whose contexts lead to `https://ADDRESS:6443`. */
function file({ current, contexts, user = { token: 'hunter2' } }: Written): string {
  const path = join(folder, `config-${written++}`)
  const config = {
    'current-context': current,
    contexts: Object.keys(contexts).map((name) => ({ name, context: { cluster: name, user: 'me' } })),
    clusters: Object.entries(contexts).map(([name, host]) => ({ name, cluster: { server: `https://${host}:6443` } })),
    users: [{ name: 'me', user }],
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

const AROUND: Surroundings = { env: {}, home: join(folder, 'nobody'), tokenFile: join(folder, 'no-token') }
const read = (wanted: Partial<Wanted>, around: Partial<Surroundings> = {}) =>
  readKubeconfig({ kubeconfig: null, context: null, ...wanted }, { ...AROUND, ...around })
const serverOf = (...words: Parameters<typeof read>) => read(...words).getCurrentCluster()?.server
const saying = (...words: Parameters<typeof read>): string => {
  try {
    read(...words)
    return 'it worked'
  } catch (error) {
    return error instanceof StockpipeError ? toWords(error) : 'a bug'
  }
}

describe('which file', () => {
  const named = file({ current: 'a', contexts: { a: 'named' } })
  const first = file({ current: 'b', contexts: { b: 'first', both: 'first' } })
  const second = file({ current: 'c', contexts: { c: 'second', both: 'second' } })
  const home = join(folder, 'home')
  mkdirSync(join(home, '.kube'), { recursive: true })

  test('--kubeconfig comes first, then KUBECONFIG, then the home folder', async () => {
    await Bun.write(join(home, '.kube', 'config'), Bun.file(second))
    const env = { KUBECONFIG: first }
    expect(serverOf({ kubeconfig: named }, { env, home })).toBe('https://named:6443')
    expect(serverOf({}, { env, home })).toBe('https://first:6443')
    expect(serverOf({}, { home })).toBe('https://second:6443')
  })

  test('of several in KUBECONFIG each counts, and of what two have the first does', () => {
    const env = { KUBECONFIG: [join(folder, 'missing'), '', first, second].join(delimiter) }
    expect(serverOf({}, { env })).toBe('https://first:6443')
    expect(serverOf({ context: 'both' }, { env })).toBe('https://first:6443')
    expect(serverOf({ context: 'c' }, { env })).toBe('https://second:6443')
  })

  test('in a pod there need not be one', () => {
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'hunter2')
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' }
    const host = process.env['KUBERNETES_SERVICE_HOST']
    try {
      Object.assign(process.env, { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' })
      expect(serverOf({}, { env, tokenFile })).toBe('https://10.0.0.1:443')
    } finally {
      delete process.env['KUBERNETES_SERVICE_PORT']
      if (host === undefined) delete process.env['KUBERNETES_SERVICE_HOST']
    }
  })

  test.each([
    ['no way at all', {}, {}, 'there is no way to a cluster'],
    ['a file that is not there', { kubeconfig: join(folder, 'gone') }, {}, `--kubeconfig names it`],
    ['only files that are not there', {}, { env: { KUBECONFIG: join(folder, 'gone') } }, 'KUBECONFIG names it'],
    ['a context that is not there', { kubeconfig: first, context: 'bth' }, {}, 'there are: b, both'],
    ['a context that is not there', { kubeconfig: first, context: 'bth' }, {}, '--context both'],
    ['no current context', { kubeconfig: file({ contexts: { x: 'x' } }) }, {}, '--context x'],
  ] as const)('%s is said', (_name, wanted, around, part) => {
    expect(saying(wanted, around)).toContain(part)
  })

  test.each([
    ['nothing', ''],
    ['a list', '[1, 2]'],
    ['no YAML', '{{{{'],
    ['a cluster without an address', 'clusters: [{ name: a, cluster: {} }]'],
  ])('a file with %s is named, and nothing of it shown', async (_name, content) => {
    const path = join(folder, `bad-${written++}`)
    await Bun.write(path, `${content}\n#hunter2`)
    const words = saying({ kubeconfig: path })
    expect(words).toStartWith('error: ')
    expect(words).not.toContain('hunter2')
  })
})

describe('a program that gives credentials', () => {
  const connection = (user: object, announced: string[] = []) => {
    const config = read({ kubeconfig: file({ current: 'a', contexts: { a: '127.0.0.1' }, user }) })
    return openConnection({ config, clock: systemClock, random: () => 0, announce: (line) => announced.push(line) })
  }
  const ask = (of: ReturnType<typeof connection>) =>
    of
      .send({
        asked: { what: 'ask', right: { verb: 'get', group: '', resource: 'x', namespace: null } },
        path: '/version',
      })
      .then(() => 'it worked', toWords)

  test('is announced, and what to install is said where it is missing', async () => {
    const announced: string[] = []
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'no-such-cloud',
      installHint: 'get it from them',
    }
    const words = await ask(connection({ exec }, announced))
    expect(announced).toEqual(['running no-such-cloud for credentials of a'])
    expect(words).toContain('asks no-such-cloud for credentials, which is not installed')
    expect(words).toContain('get it from them')
  })

  test('is quoted where it fails', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', 'echo log in first >&2; exit 1'],
    }
    expect(await ask(connection({ exec }))).toContain('sh said: log in first')
  })
})

test('a key file that is gone is named', async () => {
  const user = { 'client-certificate': 'gone.crt', 'client-key': 'gone.key' }
  const config = read({ kubeconfig: file({ current: 'a', contexts: { a: '127.0.0.1' }, user }) })
  const connection = openConnection({ config, clock: systemClock, random: () => 0, announce: () => undefined })
  const right = { verb: 'get', group: '', resource: 'x', namespace: null }
  const words = await connection.send({ asked: { what: 'ask', right }, path: '/' }).catch(toWords)
  expect(words).toContain('gone.crt')
})
