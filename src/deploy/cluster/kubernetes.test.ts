import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { connect } from 'node:net'

import { until } from '../../../test/until.ts'
import { systemClock, type Clock } from '../../clock.ts'
import { StockpipeError, toWords } from '../../errors.ts'
import { describeCluster } from '../cluster.contract.ts'
import { LogPlace } from '../log-place.ts'
import { certificateAuthority } from './certificates.fixture.ts'
import { openKubernetes } from './kubernetes.ts'
import type { Status } from './refusal.ts'
import { startFakeServer, type FakeServer } from './server.fixture.ts'

const NAMESPACE = 'suite'
const SETTINGS = { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE }
const settings = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NAMESPACE },
  data,
})
const STORED = { dryRun: false, force: false }
/** Waits by nobody's watch. */
const hasty: Clock = { ...systemClock, sleep: () => Promise.resolve() }
const open = (kubeconfig: string, clock: Clock = hasty) =>
  openKubernetes({ kubeconfig, context: null, announce: () => undefined, clock })

async function withNamespace(options?: Parameters<typeof startFakeServer>[0]): Promise<FakeServer> {
  const server = await startFakeServer(options)
  server.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
  server.api.writes.length = 0
  return server
}

describeCluster('a cluster behind a small API server', async () => {
  const server = await withNamespace()
  return {
    cluster: open(await server.kubeconfig()),
    namespace: NAMESPACE,
    applyAsOther: (object) => Promise.resolve(void server.api.set(object)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

const saying = async (doing: Promise<unknown>): Promise<string> => {
  const error: unknown = await doing.then(
    () => 'it worked',
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(StockpipeError)
  return toWords(error)
}

describe('who is not who the kubeconfig says', () => {
  let server: FakeServer
  beforeAll(async () => {
    server = await withNamespace()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('a server of another CA is not spoken to', async () => {
    const ca = await certificateAuthority('another')
    server.requests.length = 0
    const cluster = open(await server.kubeconfig({ ca: ca.cert }))
    const words = await saying(cluster.identity())
    expect(words).toContain(`cannot reach the cluster of fake at ${server.url}`)
    expect(words).toContain('not signed by the CA of the kubeconfig')
    expect(await saying(cluster.apply(settings('x'), STORED))).toContain('not signed by the CA')
    expect(server.requests).toEqual([])
  })

  test('a client certificate that has expired is told with its day', async () => {
    const until = new Date('2026-01-02T03:04:05Z')
    const client = await server.ca.issue({ subject: 'CN=late', from: new Date('2025-01-01'), until })
    const words = await saying(open(await server.kubeconfig({ client })).identity())
    expect(words).toContain('the client certificate of admin expired on 2026-01-02 03:04:05 UTC')
  })

  test('a client certificate of another CA is a login that is not accepted', async () => {
    const client = await (await certificateAuthority('another')).issue({ subject: 'CN=admin' })
    const words = await saying(open(await server.kubeconfig({ client })).identity())
    expect(words).toContain('does not accept our credentials')
    expect(words).toContain('answered 401')
  })

  test('a server certificate that has expired is told with its day', async () => {
    const certificate = { from: new Date('2025-01-01'), until: new Date('2026-02-03T04:05:06Z') }
    await using server = await withNamespace({ certificate })
    const words = await saying(open(await server.kubeconfig()).identity())
    expect(words).toContain('the certificate of the API server expired on 2026-02-03 04:05:06 UTC')
  })

  test('a server under a name that its certificate does not have is told with those it has', async () => {
    await using server = await withNamespace({ certificate: { names: ['elsewhere.example'] } })
    const words = await saying(open(await server.kubeconfig()).identity())
    expect(words).toContain('its certificate is for other names: DNS:elsewhere.example')
  })

  test('where nothing listens, it is tried again and then said', async () => {
    const words = await saying(open(await server.kubeconfig({ server: 'https://127.0.0.1:9' })).identity())
    expect(words).toContain('nothing listens there')
  })
})

describe('what the server answers', () => {
  let server: FakeServer
  beforeAll(async () => {
    server = await withNamespace()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const answering = async (status: Partial<Status>, times = 100) => {
    server.faults.length = 0
    server.requests.length = 0
    server.faults.push({ when: /PATCH/, times, status: { code: 500, message: '', ...status } })
    return saying(open(await server.kubeconfig()).apply(settings('x'), STORED))
  }
  const cannot = 'cannot apply ConfigMap suite/x in the cluster of fake'

  test.each([
    [
      'a missing right, with the rule that would give it',
      {
        code: 403,
        message:
          'configmaps "x" is forbidden: User "dev" cannot patch resource "configmaps" in API group "" in the namespace "suite"',
      },
      [
        cannot,
        'dev may not patch configmaps in the namespace suite',
        '{ apiGroups: [""], resources: [configmaps], verbs: [patch] }',
      ],
    ],
    [
      'a full quota',
      {
        code: 403,
        message:
          'pods "x" is forbidden: exceeded quota: small, requested: limits.memory=2Gi, used: limits.memory=3Gi, limited: limits.memory=4Gi',
      },
      [cannot, 'the ResourceQuota small of the namespace is full: requested: limits.memory=2Gi'],
    ],
    [
      'a level of PodSecurity',
      {
        code: 403,
        message: 'pods "x" is forbidden: violates PodSecurity "restricted:v1.34": allowPrivilegeEscalation != false',
      },
      [cannot, 'PodSecurity level restricted:v1.34, which forbids: allowPrivilegeEscalation != false'],
    ],
    [
      'a namespace that is being deleted',
      {
        code: 403,
        message:
          'configmaps "x" is forbidden: unable to create new content in namespace suite because it is being terminated',
        details: { causes: [{ reason: 'NamespaceTerminating', message: 'namespace suite is being terminated' }] },
      },
      [cannot, 'the namespace suite is being deleted', 'wait until it is gone'],
    ],
    [
      'a webhook that says no',
      { code: 403, message: 'admission webhook "policy.example" denied the request: no latest' },
      [cannot, 'admission webhook "policy.example" denied the request: no latest', 'who runs that webhook'],
    ],
    [
      'a field that the server does not know',
      { code: 500, message: 'failed to create typed patch object: .data.x: field not declared in schema' },
      [cannot, 'does not know a field: failed to create typed patch object: .data.x'],
    ],
    [
      'a field that cannot change',
      {
        code: 422,
        message: 'Job.batch "x" is invalid: spec.template: Invalid value: field is immutable',
        details: { causes: [{ reason: 'FieldValueInvalid', message: 'field is immutable', field: 'spec.template' }] },
      },
      [cannot, 'spec.template cannot change once the object is there'],
    ],
    [
      'a value that is wrong',
      { code: 422, message: 'Service "x" is invalid: spec.ports[0].port: Invalid value: 0' },
      [cannot, 'spec.ports[0].port: Invalid value: 0'],
    ],
  ])('%s is said at once', async (_name, status, parts) => {
    const words = await answering(status)
    for (const part of parts) expect(words).toContain(part)
    expect(server.requests.filter((line) => line.startsWith('PATCH'))).toHaveLength(1)
  })

  test('being too busy is waited for, as long as it says, and no longer than a few tries', async () => {
    const pauses: number[] = []
    const clock = { ...systemClock, sleep: (ms: number) => Promise.resolve(void pauses.push(ms)) }
    server.faults.length = 0
    const busy = { code: 429, message: 'too many requests' }
    server.faults.push({ when: /PATCH/, times: 2, status: busy, headers: { 'retry-after': '3' } })
    const kubeconfig = await server.kubeconfig()
    await open(kubeconfig, clock).apply(settings('busy'), STORED)
    expect(pauses).toHaveLength(2)
    for (const ms of pauses) expect(ms).toBeGreaterThanOrEqual(3_000)
    server.faults.push({ when: /PATCH/, times: 100, status: busy })
    server.requests.length = 0
    expect(await saying(open(kubeconfig).apply(settings('busy'), STORED))).toContain('the API server is too busy')
    expect(server.requests.filter((line) => line.startsWith('PATCH'))).toHaveLength(6)
  })

  test.each([[500], [502], [503], [504]])('%d passes', async (code) => {
    server.faults.length = 0
    server.faults.push({ when: /PATCH/, times: 2, status: { code, message: 'etcdserver: leader changed' } })
    const applied = await open(await server.kubeconfig()).apply(settings('passing'), STORED)
    expect(applied.metadata.name).toBe('passing')
  })

  test('a connection that is cut is made again', async () => {
    server.faults.length = 0
    server.faults.push({ when: /PATCH/, times: 1, cut: true })
    const applied = await open(await server.kubeconfig()).apply(settings('cut'), STORED)
    expect(applied.metadata.name).toBe('cut')
  })

  test('a kind that is not installed is named, with what installs it', async () => {
    const scaled = {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'ScaledObject',
      metadata: { name: 'x', namespace: NAMESPACE },
    }
    const words = await saying(open(await server.kubeconfig()).apply(scaled, STORED))
    expect(words).toContain('has no kind ScaledObject of keda.sh/v1alpha1')
    expect(words).toContain('KEDA is not installed there')
  })

  test('a list that outlived its page is listed anew', async () => {
    server.faults.length = 0
    const cluster = open(await server.kubeconfig())
    for (const name of ['a', 'b', 'c', 'd', 'e']) await cluster.apply(settings(`page-${name}`), STORED)
    const all = await cluster.list(SETTINGS)
    server.faults.push({ when: /continue=3/, times: 1, status: { code: 410, message: 'too old' } })
    expect(await cluster.list(SETTINGS)).toEqual(all)
    expect(all.length).toBeGreaterThan(4)
  })
})

describe('what goes on', () => {
  let server: FakeServer
  beforeAll(async () => {
    server = await withNamespace()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('a watch tells every state, also over a connection that was cut', async () => {
    const cluster = open(await server.kubeconfig())
    const stop = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const objects of cluster.watch(SETTINGS, stop.signal))
        seen.push(objects.map(({ metadata }) => metadata.name).join())
    })()
    const isTold = (state: string) =>
      until(
        () => seen.at(-1),
        (told) => told === state,
      )
    await isTold('')
    await cluster.apply(settings('w1'), STORED)
    await isTold('w1')
    server.cutStreams()
    await cluster.apply(settings('w2'), STORED)
    await isTold('w1,w2')
    await cluster.remove({ ...SETTINGS, name: 'w1' })
    await isTold('w2')
    stop.abort()
    await watching
  })

  test('a watch that may not be is an error', async () => {
    server.faults.push({
      when: /limit=/,
      times: 1,
      status: { code: 403, message: 'User "dev" cannot list resource "configmaps"' },
    })
    const states = open(await server.kubeconfig()).watch(SETTINGS, new AbortController().signal)
    const first = Array.fromAsync(states)
    expect(await saying(first)).toContain('may not list configmaps')
  })

  test('a log ends with its last line; one that is followed ends when it is let go', async () => {
    const cluster = open(await server.kubeconfig())
    const pod = { namespace: NAMESPACE, pod: 'p', container: 'c', tail: null }
    const stop = new AbortController()
    expect(await Array.fromAsync(cluster.logs({ ...pod, follow: false }, stop.signal))).toEqual(['one', 'two'])
    const lines: string[] = []
    for await (const line of cluster.logs({ ...pod, follow: true }, stop.signal)) {
      lines.push(line)
      if (lines.length === 2) stop.abort()
    }
    expect(lines).toEqual(['one', 'two'])
  })

  test.each(['cutStreams', 'endStreams'] as const)(
    'a log whose connection ends (%s) is read on behind its last line',
    async (end) => {
      await using server = await withNamespace()
      server.logLines.push('three', 'four', 'five', 'six')
      const cluster = open(await server.kubeconfig())
      const stop = new AbortController()
      const place = new LogPlace()
      const lines: string[] = []
      const read = async (isDone: () => boolean) => {
        const log = { namespace: NAMESPACE, pod: 'p', container: 'c', follow: true, tail: 4, place }
        for await (const line of cluster.logs(log, stop.signal)) {
          lines.push(line)
          if (isDone()) server[end]()
        }
      }
      const ended = await read(() => lines.length === 4).then(
        () => null,
        (error: unknown) => error,
      )
      expect(ended).toEqual(end === 'endStreams' ? null : expect.objectContaining({ retryable: true }))
      server.logLines.push('seven', 'eight', 'nine')
      await read(() => lines.length === 7).catch(() => undefined)
      expect(lines).toEqual(['three', 'four', 'five', 'six', 'seven', 'eight', 'nine'])
    },
  )

  test('a missing right to reach a port is said before anybody comes', async () => {
    const message =
      'pods "p" is forbidden: User "dev" cannot create resource "pods/portforward" in API group "" in the namespace "suite"'
    server.faults.push({ when: /portforward/, times: 1, status: { code: 403, message } })
    const { signal } = new AbortController()
    const words = await saying(
      open(await server.kubeconfig()).forward({ namespace: NAMESPACE, pod: 'p', port: 80 }, signal),
    )
    expect(words).toContain('cannot reach port 80 of Pod suite/p in the cluster of fake')
    expect(words).toContain('dev may not create pods/portforward in the namespace suite')
    expect(words).toContain('{ apiGroups: [""], resources: [pods/portforward], verbs: [create] }')
  })

  test('a port leads into the pod, whole, until it is closed', async () => {
    const cluster = open(await server.kubeconfig())
    const stop = new AbortController()
    const { port } = await cluster.forward({ namespace: NAMESPACE, pod: 'p', port: 8080 }, stop.signal)
    const sent = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)))
    const got: Buffer[] = []
    const socket = connect(port, '127.0.0.1')
    socket.on('data', (bytes: Buffer) => got.push(bytes))
    for (let i = 0; i < 20; i++) socket.write(sent)
    await until(
      () => got.reduce((sum, { length }) => sum + length, 0),
      (length) => length >= sent.length * 20,
    )
    expect(Buffer.concat(got).equals(Buffer.concat(Array.from({ length: 20 }, () => sent)))).toBe(true)
    const closed = new Promise((resolve) => socket.on('close', resolve))
    stop.abort()
    await closed
  })
})
