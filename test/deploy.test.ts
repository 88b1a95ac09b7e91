/** The executable against a small API server, over mutual TLS. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { canary } from './canary.ts'
import { certificateAuthority } from '../src/deploy/cluster/certificates.fixture.ts'
import { startFakeServer, type FakeServer } from '../src/deploy/cluster/server.fixture.ts'
import { BINARY, finished, OFFLINE, said, start } from './binary.ts'
import { until } from './until.ts'

const LIMIT_MS = 120_000
const NAMESPACE = 'pipeline'
const folder = mkdtempSync(join(tmpdir(), 'stockpipe-deploy-'))
let server: FakeServer
beforeAll(async () => {
  server = await startFakeServer()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function deploy(
  words: readonly string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
) {
  const child = Bun.spawn([BINARY, 'deploy', ...words], {
    cwd: folder,
    env: { ...OFFLINE, PATH: process.env['PATH'] ?? '', HOME: folder, ...env },
    stdin: Buffer.from(input),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  return said(await finished(child))
}

const writes = () => server.api.writes
const secrets = () =>
  server.api
    .list('Secret', NAMESPACE)
    .flatMap((it) => Object.entries((it['data'] ?? {}) as Record<string, string>))
    .filter(([key]) => key !== 'username')
    .map(([, value]) => Buffer.from(value, 'base64').toString())

describe('the executable and who it speaks to', () => {
  test(
    'a server that the CA of the kubeconfig has not signed hears nothing',
    async () => {
      const ca = await certificateAuthority('another')
      const kubeconfig = await server.kubeconfig({ ca: ca.cert })
      server.requests.length = 0
      for (const words of [['diff'], ['apply', '--yes'], ['uninstall', '--yes']]) {
        const ran = await deploy([...words, '--kubeconfig', kubeconfig])
        expect(ran.err).toContain('not signed by the CA of the kubeconfig')
        expect(ran.code).toBeGreaterThan(0)
      }
      expect(server.requests).toEqual([])
    },
    LIMIT_MS,
  )

  test(
    'a client certificate that has expired is told with its day',
    async () => {
      const dates = { from: new Date('2025-01-01'), until: new Date('2026-01-02T03:04:05Z') }
      const client = await server.ca.issue({ subject: 'CN=late', ...dates })
      const ran = await deploy(['diff', '--kubeconfig', await server.kubeconfig({ client })])
      expect(ran.err).toContain('expired on 2026-01-02 03:04:05 UTC')
      expect(ran.code).toBe(2)
    },
    LIMIT_MS,
  )

  test(
    'a context that is not there is refused with those that are, a file that is not there with who names it',
    async () => {
      const context = await deploy(['diff', '--kubeconfig', await server.kubeconfig(), '--context', 'fke'])
      expect(context.err).toContain('there is no context "fke"')
      expect(context.err).toContain('there are: fake')
      const file = await deploy(['diff', '--kubeconfig', join(folder, 'nowhere')])
      expect(file.err).toContain('--kubeconfig names it')
      expect([context.code, file.code]).toEqual([2, 2])
    },
    LIMIT_MS,
  )
})

test(
  'installs, changes nothing the second time, shows what a value would change, and goes again',
  async () => {
    const kubeconfig = await server.kubeconfig()
    const place = ['--kubeconfig', kubeconfig]
    const token = join(folder, 'token')
    writeFileSync(token, `${canary('finnhub')}\n`)
    const shown: string[] = []
    const run = async (words: readonly string[], wanted: number, input = '') => {
      const ran = await deploy([...words, ...place], { input })
      shown.push(ran.out, ran.err)
      expect([ran.code, ran.err]).toEqual([wanted, wanted === 2 ? ran.err : ''])
      return ran
    }
    writes().length = 0
    const live = ['--finnhub-token-file', token]
    expect((await run(['diff', ...live], 1)).out).toMatch(/\d+ to create\n$/)
    expect((await run(['apply', '--no-wait', ...live], 2)).err).toContain('nobody is there to be asked')
    expect((await run(['apply', '--dry-run=server', ...live], 0)).out).toContain(
      `create  StatefulSet ${NAMESPACE}/kafka`,
    )
    expect((await run(['apply', '--dry-run=client'], 0)).out).toContain(`apply   StatefulSet ${NAMESPACE}/kafka`)
    expect(writes()).toEqual([])

    const applied = await run(['apply', '--no-wait', '--yes', ...live], 0)
    expect(applied.out).toContain('feed       finnhub')
    expect(applied.out).toContain(`created    StatefulSet ${NAMESPACE}/kafka`)
    expect(writes().length).toBeGreaterThan(30)

    writes().length = 0
    server.requests.length = 0
    expect((await run(['apply', '--no-wait', '--yes'], 0)).out).toContain('nothing to change')
    expect((await run(['diff'], 0)).out).toMatch(/^\d+ unchanged\n$/)
    expect(writes()).toEqual([])
    const sent = server.requests.filter((line) => !line.startsWith('GET') && !line.includes('dryRun=All'))
    expect(sent).toEqual([])
    expect(server.requests.length).toBeGreaterThan(60)

    const changed = await run(['diff', '--set', 'feed=finnhub', '--set', 'processor.replicas=3'], 1)
    expect(changed.out).toContain('+  replicas: 3')
    expect(writes()).toEqual([])

    const mine = join(folder, 'mine.yaml')
    writeFileSync(mine, 'feed: finnhub\nkafka: { heap: 300m }\n')
    const scaled = ['apply', '--no-wait', '--yes', '--values', mine, '--set', 'processor.replicas=3']
    expect((await run(scaled, 0)).out).toContain(`Deployment ${NAMESPACE}/stockpipe-processor`)
    const bare = await run(['apply', '--dry-run=server', '--set', 'feed=finnhub'], 0)
    expect(bare.out).toContain('dropped    kafka.heap, processor.replicas: set by the last run, and not by this one')
    expect((await run(['uninstall', '--dry-run'], 0)).out).toContain('StatefulSet')

    const gone = await run(['uninstall', '--yes'], 0)
    expect(gone.out).toContain(`stays:\n  Namespace ${NAMESPACE}\n`)
    expect((await run(['uninstall', '--delete-data', '--yes'], 2, 'another')).err).toContain(
      'the namespace was not typed',
    )
    shown.push(...secrets())
    const found = shown.splice(-secrets().length)
    expect(found).toContain(canary('finnhub'))
    expect((await run(['uninstall', '--delete-data'], 0, `${NAMESPACE}\n`)).out).toEndWith('nothing stays\n')
    expect(server.api.list('Secret', NAMESPACE)).toEqual([])
    expect(found.length).toBeGreaterThan(6)
    for (const secret of found.flatMap((text) => [text, Buffer.from(text).toString('base64')]))
      expect(shown.join('\n')).not.toContain(secret)
  },
  LIMIT_MS,
)

test(
  'a token in the environment is as good as one in a file, and render knows nothing of it',
  async () => {
    const place = ['-n', 'by-variable', '--kubeconfig', await server.kubeconfig()]
    for (const name of ['STOCKPIPE_FINNHUB_TOKEN', 'FINNHUB_API_TOKEN']) {
      const env = { [name]: ` ${canary('finnhub')}\n` }
      const [, feed] = /STOCKPIPE_FEED: (\w+)/.exec((await deploy(['diff', ...place], { env })).out) ?? []
      expect(feed).toBe('finnhub')
      expect((await deploy(['apply', '--dry-run=client'], { env })).out).toContain(`Secret ${NAMESPACE}/finnhub\n`)
    }
    const env = { FINNHUB_API_TOKEN: canary('finnhub') }
    const [withToken, without] = [await deploy(['render'], { env }), await deploy(['render'])]
    expect(withToken.out === without.out).toBe(true)
    const applied = await deploy(['apply', '--yes', '--no-wait', ...place], { env })
    expect(applied).toMatchObject({ code: 0, err: '', out: expect.stringContaining('feed       finnhub\n') })
    const token = server.api.list('Secret', 'by-variable').find(({ metadata }) => metadata.name === 'finnhub')
    expect(token?.['data']).toEqual({ token: btoa(canary('finnhub')) })
    const again = await deploy(['apply', '--yes', '--no-wait', ...place])
    expect(again.out).toContain('feed       finnhub\n')
    expect(again.out).toContain('nothing to change')
  },
  LIMIT_MS,
)

test(
  'a bundle is of the namespace that the values name',
  async () => {
    const values = join(folder, 'bundled.yaml')
    writeFileSync(values, 'namespace: bundled\n')
    const place = ['-f', values, '--kubeconfig', await server.kubeconfig()]
    expect(await deploy(['apply', '--yes', '--no-wait', ...place])).toMatchObject({ code: 0 })
    const out = join(folder, 'bundle.tgz')
    expect(await deploy(['bundle', '--out', out, ...place])).toMatchObject({ code: 0, err: '' })
    const files = await new Bun.Archive(await Bun.file(out).bytes()).files()
    expect(await files.get('objects/StatefulSet.json')?.text()).toContain('"namespace": "bundled"')
  },
  LIMIT_MS,
)

test(
  'Ctrl-C while it waits ends it at once, and the next run goes on from there',
  async () => {
    const words = ['apply', '--yes', '--kubeconfig', await server.kubeconfig(), '-n', 'cut']
    writes().length = 0
    const child = Bun.spawn([BINARY, 'deploy', ...words], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
    })
    // Nothing gets ready in a cluster without controllers.
    await until(writes, (written) => written.includes('apply StatefulSet cut/cassandra'))
    child.kill('SIGINT')
    expect(await child.exited).toBe(1)
    const said = await new Response(child.stderr).text()
    expect(said).toContain('error: interrupted')
    expect(said).toContain('run the same command again')
    expect(server.api.list('Deployment', 'cut')).toEqual([])
    const next = await deploy([...words, '--no-wait'])
    expect([next.code, next.out]).toEqual([0, expect.stringContaining('the last run did not end')])
    expect(server.api.list('Deployment', 'cut').length).toBeGreaterThan(3)
    writes().length = 0
    expect((await deploy([...words, '--no-wait'])).out).toContain('nothing to change')
    expect(writes()).toEqual([])
  },
  LIMIT_MS,
)

test(
  'Ctrl-C while the cluster says nothing ends it at once',
  async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const kubeconfig = await server.kubeconfig({ server: `https://127.0.0.1:${port}` })
    const child = start(['deploy', 'status', '--kubeconfig', kubeconfig], {}, folder)
    await until(
      () => sockets.length,
      (count) => count > 0,
    )
    child.kill('SIGINT')
    const ran = await finished(child)
    silent.close()
    for (const socket of sockets) socket.destroy()
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error: interrupted before the cluster of fake had answered'),
    })
  },
  LIMIT_MS,
)

describe('at a terminal', () => {
  /** Types `keys` when something is asked, and resolves to the exit code. */
  async function answering(words: readonly string[], keys: string): Promise<{ code: number; out: string }> {
    let out = ''
    let isAnswered = false
    const child = Bun.spawn([BINARY, 'deploy', ...words], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, TERM: 'xterm' },
      terminal: {
        cols: 200,
        rows: 50,
        data(terminal, bytes) {
          out += Buffer.from(bytes).toString()
          if (isAnswered || !/\[y\/N\]|Type the namespace/.test(out)) return
          isAnswered = true
          terminal.write(keys)
        },
      },
    })
    const code = await child.exited
    child.terminal?.close()
    return { code, out }
  }

  test.each([
    ['no', 'n\r', 1],
    ['nothing', '\r', 1],
    ['Ctrl-C', '\u0003', 1],
    ['Ctrl-D', '\u0004', 1],
  ])(
    '%s is a no: nothing is written',
    async (_name, keys, wanted) => {
      const place = ['--kubeconfig', await server.kubeconfig(), '--namespace', 'asked']
      writes().length = 0
      const { code, out } = await answering(['apply', '--no-wait', ...place], keys)
      expect(out).toContain('namespace  asked')
      expect(out).not.toContain('bug in stockpipe')
      expect([code, writes()]).toEqual([wanted, []])
    },
    LIMIT_MS,
  )

  test(
    'yes is one, and data goes only when the namespace is typed',
    async () => {
      const place = ['--kubeconfig', await server.kubeconfig(), '-n', 'asked']
      expect((await answering(['apply', '--no-wait', ...place], 'y\r')).code).toBe(0)
      expect(server.api.list('StatefulSet', 'asked')).toHaveLength(2)
      expect((await answering(['uninstall', '--delete-data', ...place], 'yes\r')).code).toBe(1)
      expect(server.api.list('StatefulSet', 'asked')).toHaveLength(2)
      const gone = await answering(['uninstall', '--delete-data', ...place], 'asked\r')
      expect([gone.code, server.api.list('Secret', 'asked')]).toEqual([0, []])
    },
    LIMIT_MS,
  )
})
