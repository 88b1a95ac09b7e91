import { afterAll, describe, expect, test } from 'bun:test'

import { manualClock } from '../../clock.ts'
import { Secrets } from '../../secrets.ts'
import { StockpipeError } from '../../errors.ts'
import type { PodLog } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { standingCluster } from '../rollout/rollout.fixture.ts'
import { bundle } from './bundle.ts'
import { FORBIDDEN, PIPELINE, reaching, running, workload } from './observe.fixture.ts'
import { openPage } from './open.ts'
import { isHealthy, ROLES, statusOf } from './status.ts'
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

const reachingRole = (lines?: (log: PodLog) => readonly string[]) => reaching(lines, role.port)

describe('status', () => {
  const observed = (objects: KubeObject[]) => ({
    cluster: standingCluster(objects),
    session: reachingRole(),
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

describe('open', () => {
  const open = (objects: KubeObject[], looks: ((stop: AbortController) => void)[], session = reachingRole()) => {
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
    const session = reachingRole()
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
    data: { username: btoa('stockpipe'), password: btoa(SECRET), flag: btoa('true') },
  }
  const config: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'mistake', namespace: 'pipeline' },
    data: { password: SECRET, encoded: btoa(SECRET) },
  }
  const files = await bundle({
    cluster: standingCluster([...PIPELINE, secret, config]),
    session: reachingRole(({ previous }) => (previous ? [] : [`login with ${SECRET}`])),
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
  for (const [name, text] of Object.entries(files)) if (name.endsWith('.json')) expect(JSON.parse(text)).toBeDefined()
  const all = Object.values(files).join('\n')
  for (const form of [SECRET, btoa(SECRET), JSON.stringify(SECRET).slice(1, -1)]) expect(all).not.toContain(form)
  expect(Object.keys(files).filter((name) => name.endsWith('.previous.log'))).toEqual([])
})
