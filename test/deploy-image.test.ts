/** The executable puts itself into an image, and brings it to a cluster of this machine. */
import { afterAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'

import { startFakeServer } from '../src/deploy/cluster/server.fixture.ts'
import { localClusterOf } from '../src/deploy/local-cluster.ts'
import { said, stockpipe, temporaryFolder } from './binary.ts'
import { buildImage, openArchive } from './image.fixture.ts'
import { until } from './until.ts'

const LIMIT_MS = 120_000
const isLinux = process.platform === 'linux'
if (!isLinux) console.warn('SKIPPED: an executable puts itself into an image on Linux only')

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

const run = async (words: readonly string[], path = process.env['PATH'] ?? '') =>
  said(await stockpipe(['deploy', ...words], { PATH: path, HOME: folder.path, TMPDIR: folder.path }, folder.path))

const sha256 = async (file: string): Promise<string> =>
  new Bun.CryptoHasher('sha256').update(await Bun.file(file).bytes()).digest('hex')

test.skipIf(!isLinux)(
  'the image that an executable writes of itself has the layers of the one that the build writes',
  async () => {
    const own = join(folder.path, 'own.tar')
    expect(await run(['image', '--out', own])).toMatchObject({ code: 0, err: '', out: `${own}: stockpipe:0.1.0\n` })
    const built = join(folder.path, 'built.tar')
    expect(await buildImage(folder.path, '--image', built)).toMatchObject({ code: 0 })
    // Not the bytes themselves: a difference would print all of them.
    expect(await sha256(own)).toBe(await sha256(built))
  },
  LIMIT_MS,
)

test.skipIf(!isLinux)(
  'deploy brings it to a Minikube that lacks it, by the tool that made the cluster',
  async () => {
    await using server = await startFakeServer()
    const listing = (...names: string[]) =>
      server.api.set({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'trading', labels: { 'minikube.k8s.io/name': 'trading' } },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          nodeInfo: { architecture: 'amd64' },
          images: names.map((name) => ({ names: [name] })),
        },
      })
    listing()
    const tool = join(folder.path, 'minikube')
    await Bun.write(tool, `#!/bin/sh\necho "$@" > ${folder.path}/said\ncp "$5" ${folder.path}/loaded.tar\n`)
    await chmod(tool, 0o755)
    const words = ['--yes', '--kubeconfig', await server.kubeconfig()]
    const running = run(words, `${folder.path}:${process.env['PATH']}`)
    // A node lists an image a while after it has it.
    const asked = (): number => server.requests.filter((line) => line.includes('/nodes')).length
    await until(
      () => existsSync(join(folder.path, 'loaded.tar')),
      (isLoaded) => isLoaded,
    )
    const before = asked()
    await until(asked, (count) => count > before)
    listing('docker.io/library/stockpipe:0.1.0')
    const ran = await running
    expect(ran.out).toContain('stockpipe:0.1.0 is on the nodes\n')
    expect(ran.out).toContain('is not listed by every node')
    expect(ran.out).toMatch(/^ok +images /m)
    listing()
    expect(await Bun.file(join(folder.path, 'said')).text()).toMatch(
      /^--profile trading image load \S+\/stockpipe\.tar\n$/,
    )
    const archive = await openArchive(join(folder.path, 'loaded.tar'))
    expect(archive.json('manifest.json')).toMatchObject([{ RepoTags: ['stockpipe:0.1.0'] }])
    // The node of this test has no room: nothing goes on from there.
    expect([ran.code, server.api.writes.filter((line) => line.startsWith('apply Stateful'))]).toEqual([1, []])

    const missing = await run(words, '/nowhere')
    expect(missing.err).toContain('error: minikube is not on the PATH')
    expect(missing.code).toBe(2)
  },
  LIMIT_MS,
)

test('a cluster of this machine is told by its nodes', () => {
  const node = (labels: Record<string, string>, providerID = '') => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'a', labels },
    spec: { providerID },
  })
  expect(localClusterOf([node({ 'minikube.k8s.io/name': 'a' })])).toEqual({ tool: 'minikube', name: 'a' })
  expect(localClusterOf([node({}, 'kind://podman/dev/dev-worker')])).toEqual({ tool: 'kind', name: 'dev' })
  expect(localClusterOf([node({}, 'aws:///eu-west-1a/i-0123')])).toBeNull()
})
