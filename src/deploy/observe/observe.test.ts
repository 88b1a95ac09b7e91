import { afterAll, describe, expect, test } from 'bun:test'

import { once } from 'node:events'

import { manualClock } from '../../clock.ts'
import { Secrets } from '../../secrets.ts'
import { StockpipeError } from '../../errors.ts'
import type { ClusterSession, ForwardTarget, PodLog } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { object, standingCluster } from '../rollout/rollout.fixture.ts'
import { bundle } from './bundle.ts'
import { printLogs } from './logs.ts'
import { openPage } from './open.ts'
import { isHealthy, ROLES, statusOf } from './status.ts'
import type { Part } from './workloads.ts'
import { statusLines } from './status-words.ts'

const SECRET = 'a-very-"secret"-word'
const NOW = 1_800_000_000_000

/** What a role serves. */
const role = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  routes: {
    '/statusz': () =>
      Response.json({
        version: '0.1.0',
        trades_per_second: 12.4,
        lag_records: 3,
        health: [
          { component: 'log', ready: true, reason: null },
          { component: 'store', ready: false, reason: 'Cassandra is away' },
        ],
      }),
    '/v1/latest': () => Response.json({ data: [{ trade_ts: NOW - 1_500 }, { trade_ts: NOW - 90_000 }] }),
    '/metrics': () => new Response(`password_in_a_metric ${SECRET}\n`),
  },
})
afterAll(() => role.stop(true))

const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
const running = (app: string, ready = true, name = `${app}-0`): KubeObject =>
  object(
    'Pod',
    name,
    {
      spec: { containers: [{ name: 'main' }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
        containerStatuses: [{ name: 'main', restartCount: 0 }],
      },
    },
    { labels: { app } },
  )
const workload = (kind: string, app: string): KubeObject =>
  object(
    kind,
    app,
    {
      spec: { replicas: 1, selector: { matchLabels: { app } } },
      status: { observedGeneration: 1, replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 },
    },
    { labels },
  )

const FORBIDDEN = new StockpipeError('forbidden', 'cannot', { why: 'dev may not do that', mendable: true })

const PIPELINE = [
  workload('StatefulSet', 'kafka'),
  workload('Deployment', 'stockpipe-processor'),
  workload('Deployment', 'stockpipe-api'),
  running('kafka'),
  running('stockpipe-processor'),
  running('stockpipe-api'),
]

interface Reached extends Pick<ClusterSession, 'may' | 'logs' | 'forward'> {
  forwarded: ForwardTarget[]
  asked: PodLog[]
}

function reaching(lines: (log: PodLog) => readonly string[] = () => ['a line']): Reached {
  const self: Reached = {
    forwarded: [],
    asked: [],
    may: () => Promise.resolve(true),
    forward: (target) => {
      self.forwarded.push(target)
      return Promise.resolve({ port: role.port ?? 0 })
    },
    async *logs(log, signal) {
      self.asked.push(log)
      yield* lines(log)
      if (log.follow && !signal.aborted) await once(signal, 'abort')
    },
  }
  return self
}

describe('status', () => {
  const observed = (objects: KubeObject[]) => ({
    cluster: standingCluster(objects),
    session: reaching(),
    clock: manualClock(NOW),
    namespace: 'pipeline',
  })

  test('tells each workload, what each role says of itself, and how old the newest trade is', async () => {
    const status = await statusOf(observed(PIPELINE))
    expect(statusLines(status)).toEqual([
      'test (https://test, Kubernetes 1.34.4), namespace pipeline',
      '',
      'ok    StatefulSet kafka               1/1',
      'ok    Deployment stockpipe-processor  1/1',
      'ok    Deployment stockpipe-api        1/1',
      '',
      'wait  stockpipe-processor-0  0.1.0, 12 trades/s, 3 records behind, store: Cassandra is away',
      'wait  stockpipe-api-0        0.1.0, 12 trades/s, 3 records behind, store: Cassandra is away',
      'wait  producer  it is not installed',
      'newest trade: 1.5 s old',
    ])
    expect(isHealthy(status)).toBe(false)
  })

  test('says that all is well only where every role is there and well', async () => {
    const status = await statusOf(observed([...PIPELINE, workload('Deployment', 'stockpipe-producer')]))
    const said = { version: '0.1.0', notReady: [], tradesPerSecond: null, lagRecords: null }
    const well = { ...status, roles: ROLES.map((role) => ({ role, pod: `${role}-0`, ...said })) }
    expect(isHealthy(well)).toBe(true)
    expect(isHealthy({ ...well, roles: well.roles.slice(1) })).toBe(false)
    expect(isHealthy({ ...well, workloads: well.workloads.slice(0, -1) })).toBe(false)
    expect(statusLines({ ...well, roles: well.roles.slice(1) })).toContain(
      'wait  producer  1/1: nothing of it is wanted, so that nothing of it runs',
    )
  })

  test('gives the producer no figure of what is stored, which is not its work', async () => {
    const { roles } = await statusOf(
      observed([workload('Deployment', 'stockpipe-producer'), running('stockpipe-producer')]),
    )
    expect(roles).toMatchObject([{ role: 'producer', version: '0.1.0', tradesPerSecond: null, lagRecords: null }])
  })

  test('of an empty namespace says that nothing is there', async () => {
    const status = await statusOf(observed([]))
    expect(statusLines(status).at(-1)).toBe('nothing is installed: stockpipe deploy')
    expect(isHealthy(status)).toBe(false)
  })

  test('a pod that cannot be reached does not hide the others', async () => {
    const asked = observed(PIPELINE)
    asked.session.forward = () => Promise.reject(new StockpipeError('unreachable', 'no way', { retryable: true }))
    const { roles, workloads, newestTradeAgeMs } = await statusOf(asked)
    expect(roles.map(({ notReady }) => notReady)).toEqual([['it does not answer'], ['it does not answer']])
    expect([workloads.length, newestTradeAgeMs]).toEqual([3, null])
  })

  test('a missing right is not taken for a pod that does not answer', async () => {
    const asked = observed(PIPELINE)
    asked.session.forward = () => Promise.reject(FORBIDDEN)
    const { roles } = await statusOf(asked)
    const words = 'it cannot be asked: dev may not do that'
    expect(roles.map(({ notReady }) => notReady)).toEqual([[words], [words]])
  })
})

describe('logs', () => {
  type Look = (run: { cluster: ReturnType<typeof standingCluster>; stop: AbortController }) => void

  /** Each pause does the next of these; the last one ends it. */
  async function print(session: Pick<ClusterSession, 'logs'>, looks: readonly Look[] | null, parts: Part[] = ['api']) {
    const printed: string[] = []
    const run = { cluster: standingCluster([...PIPELINE]), stop: new AbortController() }
    const rest = [...(looks ?? [])]
    const count = await printLogs({
      cluster: run.cluster,
      session,
      clock: {
        ...manualClock(),
        async sleep() {
          // What is being read gets as far as it can.
          await Bun.sleep(0)
          const look = rest.shift()
          if (look) look(run)
          else run.stop.abort()
        },
      },
      namespace: 'pipeline',
      parts,
      follow: looks !== null,
      tail: 10,
      signal: run.stop.signal,
      print: (line) => Promise.resolve(void printed.push(line)),
    })
    return { count, printed }
  }

  test('of some parts, each line with its pod and container', async () => {
    const session = reaching(({ pod }) => [`${pod} says`])
    const { count, printed } = await print(session, null, ['processor', 'api', 'grafana'])
    expect(count).toBe(2)
    expect(printed.toSorted()).toEqual([
      'stockpipe-api-0 main  stockpipe-api-0 says',
      'stockpipe-processor-0 main  stockpipe-processor-0 says',
    ])
  })

  test('while followed, a pod that comes later and a container that begins anew are read from their beginning', async () => {
    const session = reaching()
    await print(
      session,
      [
        ({ cluster }) => (cluster.objects = [...PIPELINE, running('stockpipe-api', true, 'stockpipe-api-1')]),
        ({ cluster }) => (cluster.objects = [...PIPELINE.slice(0, -1), living({ restartCount: 1 })]),
        ({ cluster }) => (cluster.objects = [...PIPELINE.slice(0, -1), anew(living({ restartCount: 1 }))]),
      ],
      ['processor', 'api'],
    )
    expect(session.asked.map(({ pod, tail }) => [pod, tail])).toEqual([
      ['stockpipe-processor-0', 10],
      ['stockpipe-api-0', 10],
      ['stockpipe-api-1', null],
      ['stockpipe-api-0', null],
      ['stockpipe-api-0', null],
    ])
  })

  const living = (status: object): KubeObject => {
    const pod = running('stockpipe-api')
    ;(pod['status'] as { containerStatuses: object[] }).containerStatuses = [{ name: 'main', ...status }]
    return pod
  }
  /** Another pod of the same name. */
  const anew = (pod: KubeObject): KubeObject => ({ ...pod, metadata: { ...pod.metadata, uid: 'another' } })

  /** Each answer gives the log as far as it has come, and then ends as told, or goes on. */
  function cutting(answers: readonly (readonly [lines: number, end: StockpipeError | 'ends' | 'goes on'])[]) {
    const asked: PodLog[] = []
    const rest = [...answers]
    const session: Pick<ClusterSession, 'logs'> = {
      async *logs(log, signal) {
        asked.push({ ...log })
        const [count, end] = rest.shift() ?? [9, 'ends']
        log.place?.begin()
        for (const line of Array.from({ length: count }, (_, i) => `2026-01-01T00:00:00.${i}Z line ${i}`)) {
          const text = log.place?.take(line) ?? null
          if (text !== null) yield text
        }
        if (end === 'goes on' && !signal.aborted) await once(signal, 'abort')
        if (end instanceof StockpipeError) throw end
      },
    }
    return { session, asked }
  }
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `stockpipe-api-0 main  line ${i}`)
  const CUT = new StockpipeError('unreachable', 'the connection ended', { retryable: true })
  const ABSENT = new StockpipeError('refused', 'the container is waiting to start')
  const nothing = () => undefined

  test.each([
    ['ends', 'ends'],
    ['is cut', CUT],
  ] as const)('that are followed are read on behind the last line when a connection %s', async (_how, end) => {
    const { session, asked } = cutting([
      [2, end],
      [2, end],
      [5, 'goes on'],
    ])
    const { printed } = await print(session, [nothing, nothing, nothing, nothing])
    expect(printed).toEqual(lines(5))
    expect(asked).toHaveLength(3)
  })

  test('of a container that has ended are read to their end, once', async () => {
    const ended = ({ cluster }: Parameters<Look>[0]) =>
      (cluster.objects = [...PIPELINE.slice(0, -1), living({ state: { terminated: { exitCode: 0 } } })])
    const { session, asked } = cutting([
      [2, CUT],
      [4, 'ends'],
    ])
    const { printed } = await print(session, [ended, nothing, nothing])
    expect(printed).toEqual(lines(4))
    expect(asked).toHaveLength(2)
  })

  test('that were cut are read to the end of a life that has passed, and then of the new one', async () => {
    const again = ({ cluster }: Parameters<Look>[0]) =>
      (cluster.objects = [...PIPELINE.slice(0, -1), living({ restartCount: 1 })])
    const { session, asked } = cutting([
      [2, CUT],
      [4, 'ends'],
      [1, 'goes on'],
    ])
    const { printed } = await print(session, [again, nothing])
    expect(printed).toEqual([...lines(4), ...lines(1)])
    expect(asked.map(({ previous }) => previous ?? false)).toEqual([false, true, false])
  })

  test('of a container that has not begun are waited for only while followed', async () => {
    const waiting = cutting([
      [0, ABSENT],
      [3, 'goes on'],
    ])
    expect((await print(waiting.session, [nothing, nothing])).printed).toEqual(lines(3))
    expect(await print(cutting([[0, ABSENT]]).session, null)).toEqual({ count: 1, printed: [] })
  })

  test('that we may not read are an error, followed or not; one that was cut is one where nobody follows it', async () => {
    const failing = (end: StockpipeError) => cutting([[0, end]]).session
    expect(await print(failing(FORBIDDEN), [nothing, nothing]).catch((error: unknown) => error)).toBe(FORBIDDEN)
    expect(await print(failing(FORBIDDEN), null).catch((error: unknown) => error)).toBe(FORBIDDEN)
    expect(await print(failing(CUT), null).catch((error: unknown) => error)).toBe(CUT)
  })
})

describe('open', () => {
  const open = (objects: KubeObject[], looks: ((stop: AbortController) => void)[], session = reaching()) => {
    const stop = new AbortController()
    const cluster = standingCluster(objects)
    const urls: string[] = []
    const done = openPage({
      cluster,
      session,
      clock: { ...manualClock(), sleep: () => Promise.resolve(looks.shift()?.(stop)) },
      namespace: 'pipeline',
      page: 'api',
      localPort: null,
      signal: stop.signal,
      opened: (url) => urls.push(url),
    })
    return { cluster, session, urls, done }
  }

  test("keeps its address when the page's pod is replaced", async () => {
    const run: ReturnType<typeof open> = open(
      [...PIPELINE],
      [
        () => (run.cluster.objects = [...PIPELINE.slice(0, -1), running('stockpipe-api', false)]),
        () => (run.cluster.objects = [...PIPELINE.slice(0, -1), running('stockpipe-api', true, 'stockpipe-api-9')]),
        (stop) => stop.abort(),
      ],
    )
    await run.done
    expect(run.urls).toEqual([`http://127.0.0.1:${role.port}`])
    expect(run.session.forwarded.map(({ pod, port, localPort }) => [pod, port, localPort])).toEqual([
      ['stockpipe-api-0', 8080, 8080],
      ['stockpipe-api-9', 8080, role.port],
    ])
  })

  test('ends without an error, also while the cluster is being asked', async () => {
    const run: ReturnType<typeof open> = open(
      [...PIPELINE],
      [
        (stop) => {
          run.cluster.list = () => {
            stop.abort()
            return Promise.reject(new StockpipeError('not-ready', 'interrupted'))
          }
        },
      ],
    )
    await run.done
    expect(run.urls).toHaveLength(1)
  })

  test('takes another port where its own is taken', async () => {
    const session = reaching()
    const forward = session.forward.bind(session)
    session.forward = (target, signal) =>
      target.localPort === 8080 ? Promise.reject(new StockpipeError('port-in-use', 'taken')) : forward(target, signal)
    const run = open([...PIPELINE], [(stop) => stop.abort()], session)
    await run.done
    expect(run.urls.length).toBe(1)
    expect(session.forwarded.map(({ localPort }) => localPort)).toEqual([undefined])
  })

  test('says that a part is not installed, or not ready', () => {
    expect(open([], []).done).rejects.toThrow('api is not installed in the namespace pipeline')
    const weak = [...PIPELINE.slice(0, -1), running('stockpipe-api', false)]
    expect(open(weak, []).done).rejects.toThrow('no pod of api is ready')
  })
})

test('a bundle holds objects, logs, metrics and findings, and no secret in any form', async () => {
  const secret: KubeObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cassandra-writer', namespace: 'pipeline' },
    data: { username: btoa('stockpipe'), password: btoa(SECRET) },
  }
  const config: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'mistake', namespace: 'pipeline' },
    data: { password: SECRET, encoded: btoa(SECRET) },
  }
  const files = await bundle({
    cluster: standingCluster([...PIPELINE, secret, config]),
    session: reaching(({ previous }) => (previous ? [] : [`login with ${SECRET}`])),
    clock: manualClock(NOW),
    namespace: 'pipeline',
    findings: [{ check: 'storage', state: 'ok', detail: 'standard' }],
    signal: new AbortController().signal,
    secrets: new Secrets(),
  })
  expect(files['logs/kafka-0/main.log']).toBe('login with ***\n')
  expect(files['metrics/stockpipe-api-0.txt']).toBe('password_in_a_metric ***\n')
  expect(files['objects/Secret.json']).toContain('"password": "[redacted]"')
  expect(files['objects/StatefulSet.json']).toContain('"name": "kafka"')
  expect(files['check.json']).toContain('standard')
  const all = Object.values(files).join('\n')
  for (const form of [SECRET, btoa(SECRET), JSON.stringify(SECRET).slice(1, -1)]) expect(all).not.toContain(form)
  expect(Object.keys(files).filter((name) => name.endsWith('.previous.log'))).toEqual([])
})
