/** The executable puts itself into an image, and brings it to a cluster of this machine. */
import { afterAll, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'

import { type FakeServer, startFakeServer } from '../src/deploy/cluster/server.fixture.ts'
import { localClusterOf } from '../src/deploy/local-cluster.ts'
import { BINARY, finished, OFFLINE, said, stockpipe, temporaryFolder } from './binary.ts'
import { buildImage, openArchive } from './image.fixture.ts'
import { until } from './until.ts'

const LIMIT_MS = 120_000
const isLinux = process.platform === 'linux'
if (!isLinux) console.warn('SKIPPED: an executable puts itself into an image on Linux only')

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

const run = async (words: readonly string[], path = process.env['PATH'] ?? '') =>
  said(
    await stockpipe(
      ['deploy', ...words],
      { ...OFFLINE, PATH: path, HOME: folder.path, TMPDIR: folder.path },
      folder.path,
    ),
  )

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

const listing = (server: FakeServer, node: object, ...names: string[]) =>
  server.api.set({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'a' },
    ...node,
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { architecture: 'amd64' },
      images: names.map((name) => ({ names: [name] })),
    },
  })
const OWN = 'docker.io/library/stockpipe:0.1.0'
const asksForNodes = (server: FakeServer): number => server.requests.filter((line) => line.includes('/nodes')).length

const MINIKUBE = { metadata: { name: 'a', labels: { 'minikube.k8s.io/name': 'trading' } } }
const KIND = { spec: { providerID: 'kind://docker/trading/trading-control-plane' } }

/** A program on the PATH that notes what it is told, then does the rest. */
async function standIn(tool: string, rest: string): Promise<{ path: string; told: () => Promise<string> }> {
  const file = join(folder.path, tool)
  await Bun.write(file, `#!/bin/sh\necho "$@" > ${file}.told\n${rest}\n`)
  await chmod(file, 0o755)
  return { path: `${folder.path}:${process.env['PATH']}`, told: () => Bun.file(`${file}.told`).text() }
}

test.skipIf(!isLinux)(
  'deploy brings it to a Minikube that lacks it, by the tool that made the cluster',
  async () => {
    await using server = await startFakeServer()
    listing(server, MINIKUBE)
    const loaded = join(folder.path, 'loaded.tar')
    const tool = await standIn('minikube', `cp "$5" ${loaded}`)
    const words = ['--yes', '--kubeconfig', await server.kubeconfig()]
    const running = run(words, tool.path)
    // A node lists an image a while after it has it.
    await until(
      () => existsSync(loaded),
      (isLoaded) => isLoaded,
    )
    const before = asksForNodes(server)
    await until(
      () => asksForNodes(server),
      (count) => count > before,
    )
    listing(server, MINIKUBE, OWN)
    const ran = await running
    expect(ran.out).toContain('stockpipe:0.1.0 is on the nodes\n')
    expect(ran.out).toContain('is not listed by every node')
    expect(ran.out).toMatch(/^warn +images .*apache\/kafka:\S+ \(docker\.io cannot be reached from here\)/m)
    expect(await tool.told()).toMatch(/^--profile trading image load \S+\/stockpipe\.tar\n$/)
    const archive = await openArchive(loaded)
    expect(archive.json('manifest.json')).toMatchObject([{ RepoTags: ['stockpipe:0.1.0'] }])
    // The node of this test has no room: nothing goes on from there.
    expect([ran.code, server.api.writes.filter((line) => line.startsWith('apply Stateful'))]).toEqual([1, []])

    listing(server, MINIKUBE)
    const missing = await run(words, '/nowhere')
    expect(missing.err).toContain('error: minikube is not on the PATH')
    expect(missing.code).toBe(2)
  },
  LIMIT_MS,
)

test.skipIf(!isLinux)(
  'to a kind cluster too, and what the tool says when it fails is passed on',
  async () => {
    await using server = await startFakeServer()
    listing(server, KIND)
    const tool = await standIn('kind', 'tar -tf "$3" oci-layout >&2 && echo "ERROR: no nodes found" >&2; exit 3')
    const ran = await run(['--yes', '--kubeconfig', await server.kubeconfig()], tool.path)
    expect(await tool.told()).toMatch(/^load image-archive \S+\/stockpipe\.tar --name trading\n$/)
    expect(ran.err).toMatch(/^error: kind load .* ended with 3\n {2}why: ERROR: no nodes found\n {2}try: bring /m)
    expect(ran.code).toBe(1)
  },
  LIMIT_MS,
)

test.skipIf(!isLinux)(
  'an image that cannot be written is not brought, which is said and ends nothing',
  async () => {
    await using server = await startFakeServer()
    listing(server, KIND)
    // No file may be as large as an image.
    const limited = `trap '' XFSZ; ulimit -f 1000; exec ${BINARY} deploy --yes --kubeconfig ${await server.kubeconfig()}`
    const child = Bun.spawn(['sh', '-c', limited], {
      cwd: folder.path,
      env: { ...OFFLINE, PATH: process.env['PATH'] ?? '', HOME: folder.path, TMPDIR: folder.path },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    await until(
      () => asksForNodes(server),
      (count) => count > 1,
    )
    listing(server, {}, OWN)
    const ran = said(await finished(child))
    expect(ran.out).toMatch(/^stockpipe:0\.1\.0 is not on the nodes, and cannot be brought there: EFBIG/m)
    expect(ran.out).toMatch(/^warn +images /m)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('stockpipe-image-'))).toEqual([])
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
