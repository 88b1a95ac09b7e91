/** Ways to a cluster: by program, by name, unchecked, through a proxy. */
import { afterAll, beforeAll, expect, test } from 'bun:test'

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openKubernetes } from './kubernetes.ts'
import { startFakeServer, type FakeServer } from './server.fixture.ts'

const open = (kubeconfig: string) => openKubernetes({ kubeconfig, context: null, announce: () => undefined })

let server: FakeServer
beforeAll(async () => {
  server = await startFakeServer()
})
afterAll(() => server[Symbol.asyncDispose]())

interface Parts {
  clusters: [{ cluster: Record<string, unknown> }]
  users: [{ user: Record<string, unknown> }]
}
/** The kubeconfig of the server, otherwise. */
async function kubeconfigWith(change: (parts: Parts) => void): Promise<string> {
  const file = await server.kubeconfig()
  const parts = JSON.parse(await Bun.file(file).text()) as Parts
  change(parts)
  await Bun.write(file, JSON.stringify(parts))
  return file
}

test('by a program that gives a client certificate, asked once and announced once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-exec-'))
  const { cert, key } = await server.ca.issue({ subject: 'CN=cloud' })
  const status = { clientCertificateData: cert, clientKeyData: key }
  await Bun.write(join(folder, 'credentials.json'), JSON.stringify({ kind: 'ExecCredential', status }))
  const script = `cat ${folder}/credentials.json; echo asked >> ${folder}/asked`
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] }
  const kubeconfig = await kubeconfigWith(({ users }) => (users[0].user = { exec }))
  const announced: string[] = []
  const cluster = openKubernetes({ kubeconfig, context: null, announce: (line) => announced.push(line) })
  await Promise.all([
    cluster.identity(),
    cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: 'default', namespace: null }),
    cluster.identity(),
  ])
  await cluster.identity()
  expect(announced).toEqual(['running sh for credentials of fake'])
  expect(await Bun.file(join(folder, 'asked')).text()).toBe('asked\n')
  rmSync(folder, { recursive: true })
})

test('by the name that its certificate has, where the kubeconfig says so', async () => {
  await using named = await startFakeServer({ certificate: { names: ['api.example'] } })
  const file = await named.kubeconfig()
  const parts = JSON.parse(await Bun.file(file).text()) as Parts
  parts.clusters[0].cluster['tls-server-name'] = 'api.example'
  await Bun.write(file, JSON.stringify(parts))
  expect((await open(file).identity()).version).toBe('1.34.4')
})

test('unchecked, where the kubeconfig says so', async () => {
  const kubeconfig = await kubeconfigWith(({ clusters }) => {
    clusters[0].cluster = { server: server.url, 'insecure-skip-tls-verify': true }
  })
  expect((await open(kubeconfig).identity()).version).toBe('1.34.4')
})

test('through a proxy, requests and ports alike', async () => {
  const targets: string[] = []
  const clients: Socket[] = []
  const proxy = createServer((client) => {
    clients.push(client)
    client.once('data', (head: Buffer) => {
      const [, host = '', port = ''] = /^CONNECT ([^:]+):(\d+)/.exec(head.toString()) ?? []
      targets.push(`${host}:${port}`)
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        client.pipe(upstream).pipe(client)
      })
      upstream.on('error', () => client.destroy())
    })
    client.on('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  const kubeconfig = await kubeconfigWith(({ clusters }) => {
    clusters[0].cluster['proxy-url'] = `http://127.0.0.1:${port}`
  })
  // The servers of the tests above were reached directly, and Bun's fetch was told so.
  for (const name of ['NO_PROXY', 'no_proxy']) delete process.env[name]
  const cluster = open(kubeconfig)
  expect((await cluster.identity()).version).toBe('1.34.4')
  const before = targets.length
  const stop = new AbortController()
  const forwarded = await cluster.forward({ namespace: 'default', pod: 'p', port: 80 }, stop.signal)
  const socket = connect(forwarded.port, '127.0.0.1')
  socket.write('hello')
  expect(await new Promise((resolve) => socket.once('data', (bytes) => resolve(String(bytes))))).toBe('hello')
  expect(targets.length).toBeGreaterThan(before)
  expect(new Set(targets)).toEqual(new Set([new URL(server.url).host]))
  stop.abort()
  proxy.close()
  for (const client of clients) client.destroy()
})
