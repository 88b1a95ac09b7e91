/** The cluster of the tests, on a real one. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { basename, join } from 'node:path'

import { isAlive } from '../services/servers.ts'
import { until } from '../until.ts'
import { type ApiObject, pathOf } from './api.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { imageFile } from './image.ts'
import { canHaveCluster, CLUSTER_VARIABLE, whyNoCluster } from './means.ts'
import { claim, namespace, onlyFrom, onlyTo, pod, type PodOptions, probeImage, service } from './pods.ts'
import { useCluster } from './shared.ts'

setDefaultTimeout(120_000)

const SPACE = `launcher-${process.pid}`
const CLUSTER = await useCluster()

interface PodObject extends ApiObject {
  status?: { phase?: string; podIP?: string }
}

const clusterHere = (): Cluster => {
  if (CLUSTER === null) throw new Error('these tests are skipped without a cluster')
  return CLUSTER
}

/** Runs a command in a pod to its end: what it printed, and whether it went well. */
async function runIn(options: Omit<PodOptions, 'namespace'>): Promise<{ ok: boolean; log: string }> {
  const { api } = clusterHere()
  const object = pod({ namespace: SPACE, ...options })
  const path = pathOf(object)
  await api.apply(object)
  const phaseNow = async () => (await api.get<PodObject>(path)).status?.phase
  const phase = await until(phaseNow, (phase) => phase === 'Succeeded' || phase === 'Failed')
  const log = await api.text(`${path}/log`)
  await api.delete(object)
  await until(
    () => api.fetch(path),
    ({ status }) => status === 404,
  )
  return { ok: phase === 'Succeeded', log }
}

/** In a shell: some attempts, for a web server, its address and its name come one after the other. */
const fetchFrom = (host: string): string =>
  `for attempt in 1 2 3 none; do timeout 2 wget -qO- http://${host} && break; sleep 1; done; [ $attempt != none ]`

/** What the policies of the moment come to. */
const rules = (): Promise<string> => clusterHere().nodeExec('nft', 'list', 'table', 'ip', 'policies')

/** A web server with its service, that says hello. */
async function serve(name: string): Promise<void> {
  const { api } = clusterHere()
  const command = `echo hello from ${name} >/data/index.html; exec httpd -f -p 8080 -h /data`
  const object = pod({ namespace: SPACE, name, command })
  await api.apply(object, service(SPACE, name))
  await until(
    async () => (await api.get<PodObject>(pathOf(object))).status?.phase,
    (phase) => phase === 'Running',
  )
}

// Nothing to run a node with: test/cluster says so, and fails where CI is set.
describe.skipIf(CLUSTER === null)('a cluster of the tests', () => {
  let prepared: Promise<void> | undefined
  const prepare = (): Promise<void> => {
    const cluster = clusterHere()
    prepared ??= cluster.api
      .apply(namespace(SPACE))
      .then(async () => await cluster.loadImage(await imageFile(probeImage())))
      .then(() =>
        until(
          () => cluster.api.fetch(`/api/v1/namespaces/${SPACE}/serviceaccounts/default`),
          ({ ok }) => ok,
        ),
      )
      .then(() => {})
    return prepared
  }
  afterAll(async () => await CLUSTER?.api.delete(namespace(SPACE)))

  test('runs a pod from an image that it was given, with names of services', async () => {
    await prepare()
    await serve('greeter')
    const host = `greeter.${SPACE}.svc.cluster.local`
    const { ok, log } = await runIn({ name: 'caller', command: `${fetchFrom(host)} && nslookup ${host}` })
    expect(log).toContain('hello from greeter')
    expect(log).toMatch(/Address: +10\.96\./)
    expect(ok).toBe(true)
  })

  test('knows no name from outside, and no way there', async () => {
    await prepare()
    const { ok } = await runIn({ name: 'outsider', command: 'nslookup example.com' })
    expect(ok).toBe(false)
  })

  test('binds a claim, and keeps its data from one pod to the next', async () => {
    await prepare()
    const wanted = claim(SPACE, 'memory')
    await clusterHere().api.apply(wanted)
    const first = await runIn({ name: 'writer', claim: 'memory', command: 'echo kept >/data/word' })
    const second = await runIn({ name: 'reader', claim: 'memory', command: 'cat /data/word' })
    expect([first.ok, second.log]).toEqual([true, 'kept\n'])
    expect((await clusterHere().api.get<PodObject>(pathOf(wanted))).status?.phase).toBe('Bound')
  })

  test('cuts off by a policy of a server whom it does not name, and lets the others through', async () => {
    await prepare()
    await serve('guarded')
    const command = fetchFrom(`guarded.${SPACE}`)
    expect(await runIn({ name: 'before', command })).toEqual({ ok: true, log: 'hello from guarded\n' })
    await clusterHere().api.apply(onlyFrom(SPACE, 'guarded', { role: 'friend' }))
    await until(rules, (table) => table.includes('ingress-'))
    expect((await runIn({ name: 'stranger', command })).ok).toBe(false)
    const friend = await runIn({ name: 'friend', command, labels: { role: 'friend' } })
    expect(friend).toEqual({ ok: true, log: 'hello from guarded\n' })
  })

  test('keeps by a policy a client from all but what it names: a port by its name, a network but for one address', async () => {
    await prepare()
    await Promise.all([serve('open'), serve('shut')])
    const shut = (await clusterHere().api.get<PodObject>(`/api/v1/namespaces/${SPACE}/pods/shut`)).status?.podIP
    const ipBlock = { cidr: '0.0.0.0/0', except: [`${shut}/32`] }
    await clusterHere().api.apply(
      onlyTo(SPACE, 'by-name', { to: [{ podSelector: { matchLabels: { app: 'open' } } }], ports: [{ port: 'http' }] }),
      onlyTo(SPACE, 'by-network', { to: [{ ipBlock }], ports: [{ port: 8000, endPort: 8080 }] }),
    )
    for (const role of ['by-name', 'by-network']) {
      // The rules follow the pod by a moment.
      const shutOut = `timeout 2 wget -qO- http://shut.${SPACE}`
      const command = `while ${shutOut} >/dev/null; do sleep 0.2; done; ${fetchFrom(`open.${SPACE}`)} && ! ${shutOut}`
      const { ok, log } = await runIn({ name: role, labels: { role }, command })
      expect(ok).toBe(true)
      // Between the words of the shell about what it stopped.
      expect(log.split('\n')).toContain('hello from open')
      expect(log).not.toContain('hello from shut')
    }
  })

  test('refuses a pod that its namespace does not allow', async () => {
    await prepare()
    const object = pod({ namespace: SPACE, name: 'loose', command: 'true' })
    const request = { method: 'PATCH', type: 'application/apply-patch+yaml' }
    const loose = { ...object, spec: { ...(object['spec'] as object), securityContext: { runAsUser: 0 } } }
    const answer = await clusterHere().api.fetch(`${pathOf(object)}?fieldManager=tests`, { ...request, body: loose })
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('violates PodSecurity')])
  })
})

/** What a cluster would leave behind: processes, mounts, links, groups, its folder. */
function tracesOf({ root, addresses }: Pick<Cluster, 'root' | 'addresses'>): string[] {
  const name = basename(root)
  const groups = ['', ...readdirSync('/sys/fs/cgroup')].map((each) => join('/sys/fs/cgroup', each, name))
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(root))
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  return [
    ...[root, ...groups].filter(existsSync),
    ...processes.map((pid) => `process ${pid}: ${commandOf(pid)}`),
    ...mounts.filter((line) => line.includes(root)),
    ...Object.entries(networkInterfaces()).flatMap(([link, all]) =>
      all?.some(({ address }) => address === addresses.thisMachine) ? [`link ${link}`] : [],
    ),
  ]
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

// As above.
describe.skipIf(!canHaveCluster())('a cluster that ends', () => {
  test('leaves nothing behind when it is stopped, and the one beside it goes on', async () => {
    await using other = await startCluster({ name: 'other', mode: 'control-plane' })
    const cluster = await startCluster({ name: 'one', mode: 'control-plane' })
    expect(tracesOf(cluster).length).toBeGreaterThan(5)
    expect(cluster.addresses.node).not.toBe(other.addresses.node)
    await cluster.stop()
    expect(tracesOf(cluster)).toEqual([])
    expect(isAlive(cluster.pid)).toBe(false)
    expect((await other.api.fetch('/readyz')).status).toBe(200)
  })

  test('leaves nothing behind when the process that started it is killed, even with a pod running', async () => {
    const parent = Bun.spawn(['bun', join(import.meta.dir, 'parent.fixture.ts')], { stdout: 'pipe', stderr: 'inherit' })
    let said = ''
    for await (const chunk of parent.stdout.pipeThrough(new TextDecoderStream())) {
      said += chunk
      if (said.includes('\n')) break
    }
    const cluster = JSON.parse(said) as Pick<Cluster, 'root' | 'addresses' | 'pid'>
    expect(tracesOf(cluster).some((trace) => trace.startsWith('process'))).toBe(true)
    parent.kill('SIGKILL')
    await until(
      () => tracesOf(cluster),
      (traces) => traces.length === 0,
    )
    expect(isAlive(cluster.pid)).toBe(false)
  })
})

describe('a machine', () => {
  const env = { PATH: process.env['PATH'] }

  test('where a cluster was switched off has none, which continuous integration does not accept', () => {
    const off = { ...env, [CLUSTER_VARIABLE]: 'off' }
    expect(whyNoCluster(off)).toBe('TEST_CLUSTER is off')
    expect(() => whyNoCluster({ ...off, CI: 'true' })).toThrow('CI needs a cluster, but TEST_CLUSTER is off')
  })

  test('without the programs says which packages have them; for continuous integration that is an error', () => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return
    const bare = { PATH: '/nonexistent' }
    expect(whyNoCluster(bare)).toMatch(/^programs are missing: apt-get install containerd runc iptables nftables/)
    expect(() => whyNoCluster({ ...bare, CI: 'true' })).toThrow('CI needs a cluster, but programs are missing')
  })
})
