/** Ctrl-C, whatever the cluster is doing. */
import { afterAll, beforeAll, expect, test } from 'bun:test'

import { createServer, type AddressInfo, type Socket } from 'node:net'

import { until } from '../../../test/until.ts'
import { systemClock, type Clock } from '../../clock.ts'
import { toWords } from '../../errors.ts'
import { openKubernetes } from './kubernetes.ts'
import { startFakeServer, type FakeServer } from './server.fixture.ts'

const NAMESPACE = 'suite'
const SETTINGS = { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE }
const settings = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE } })
const STORED = { dryRun: false, force: false }
const open = (kubeconfig: string, signal: AbortSignal, clock: Clock = systemClock) =>
  openKubernetes({ kubeconfig, context: null, announce: () => undefined, clock, signal })
const saying = (doing: Promise<unknown>): Promise<string> => doing.then(() => 'it worked', toWords)

let fake: FakeServer
beforeAll(async () => {
  fake = await startFakeServer()
  fake.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
})
afterAll(() => fake[Symbol.asyncDispose]())

const CONFIG = { ...SETTINGS, name: 'x' }
const LOG = { namespace: NAMESPACE, pod: 'p', container: 'c', follow: true, tail: null }
const PORT = { namespace: NAMESPACE, pod: 'p', port: 80 }
type Opened = ReturnType<typeof open>

/** Takes every connection; what it says on it is up to `answer`. */
async function silent(answer: (socket: Socket) => void = () => undefined) {
  const sockets: Socket[] = []
  const listener = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    answer(socket)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  return {
    sockets,
    address: `127.0.0.1:${port}`,
    [Symbol.dispose]() {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

test.each<[string, (cluster: Opened) => Promise<unknown>]>([
  ['who it is', (cluster) => cluster.identity()],
  ['an object', (cluster) => cluster.get(CONFIG)],
  ['a list', (cluster) => cluster.list(SETTINGS)],
  ['an apply', (cluster) => cluster.apply(settings('x'), STORED)],
  ['a right', (cluster) => cluster.may({ verb: 'get', group: '', resource: 'pods', namespace: null })],
  ['a way to a port', (cluster) => cluster.forward(PORT, new AbortController().signal)],
])('an interruption ends at once what a server leaves without an answer: %s', async (_name, ask) => {
  using server = await silent()
  const stop = new AbortController()
  const kubeconfig = await fake.kubeconfig({ server: `https://${server.address}` })
  const said = saying(ask(open(kubeconfig, stop.signal)))
  await until(
    () => server.sockets.length,
    (count) => count > 0,
  )
  stop.abort()
  expect(await said).toContain('error: interrupted before the cluster of fake had answered')
})

test('an interruption ends an answer that does not come to its end', async () => {
  using server = await silent((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'))
  const stop = new AbortController()
  const kubeconfig = await fake.kubeconfig({ server: `http://${server.address}` })
  const said = saying(open(kubeconfig, stop.signal).identity())
  await until(
    () => server.sockets.length,
    (count) => count > 0,
  )
  stop.abort()
  expect(await said).toContain('error: interrupted')
})

test('an interruption ends the wait for a program that gives credentials', async () => {
  const file = await fake.kubeconfig()
  const config = JSON.parse(await Bun.file(file).text()) as { users: [{ user: object }] }
  const args = ['-c', `echo $$ > ${file}.pid; exec sleep 60`]
  config.users[0].user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args } }
  await Bun.write(file, JSON.stringify(config))
  const stop = new AbortController()
  const said = saying(open(file, stop.signal).identity())
  const pid = await until(
    async () => ((await Bun.file(`${file}.pid`).exists()) ? Number(await Bun.file(`${file}.pid`).text()) : 0),
    (number) => number > 0,
  )
  stop.abort()
  expect(await said).toContain('error: interrupted')
  process.kill(pid)
})

test('an interruption ends the pause before another try', async () => {
  const stop = new AbortController()
  const pausing = { ...systemClock, sleep: () => Promise.resolve(stop.abort()) }
  const kubeconfig = await fake.kubeconfig({ server: 'https://127.0.0.1:9' })
  expect(await saying(open(kubeconfig, stop.signal, pausing).identity())).toContain('error: interrupted')
})

test('an interruption ends quietly what goes on until it is let go', async () => {
  using server = await silent()
  const stop = new AbortController()
  const { signal } = new AbortController()
  const cluster = open(await fake.kubeconfig({ server: `https://${server.address}` }), stop.signal)
  const log = Array.fromAsync(cluster.logs(LOG, signal))
  await until(
    () => server.sockets.length,
    (count) => count > 0,
  )
  stop.abort()
  expect(await log).toEqual([])
})

test('an interruption lets what would be left behind be taken away', async () => {
  const stop = new AbortController()
  const cluster = open(await fake.kubeconfig(), stop.signal)
  await cluster.apply(settings('left'), STORED)
  stop.abort()
  expect(await saying(cluster.remove({ ...SETTINGS, name: 'left' }))).toContain('error: interrupted')
  await cluster.remove({ ...SETTINGS, name: 'left' }, { isCleanup: true })
  expect(fake.api.list('ConfigMap', NAMESPACE)).toEqual([])
})
