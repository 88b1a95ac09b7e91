import { describe, expect, test } from 'bun:test'

import { manualClock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { PodLog } from '../cluster.ts'
import { at } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { object, standingCluster } from '../rollout/rollout.fixture.ts'
import { toJunit } from '../probe/junit.ts'
import { jobLike } from './job.ts'
import { runJob } from './run-job.ts'

const api = object(
  'Deployment',
  'stockpipe-api',
  {
    spec: {
      template: {
        spec: {
          serviceAccountName: 'stockpipe-api',
          topologySpreadConstraints: [{}],
          securityContext: { runAsNonRoot: true },
          containers: [
            {
              name: 'api',
              image: 'stockpipe:0.1.0',
              args: ['run', '--role=api'],
              ports: [{ containerPort: 8080 }],
              envFrom: [{ configMapRef: { name: 'stockpipe-config' } }],
              readinessProbe: { httpGet: { path: '/readyz' } },
              livenessProbe: { httpGet: { path: '/livez' } },
              startupProbe: { httpGet: { path: '/livez' } },
            },
          ],
        },
      },
    },
  },
  { labels: { 'app.kubernetes.io/name': 'stockpipe', 'app.kubernetes.io/component': 'api' } },
)

test('a job runs as the api does, once, and is taken for no api', () => {
  const job = jobLike(api, { name: 'verify-1', args: ['verify'], deadlineSeconds: 60 })
  expect(at(job, 'spec', 'template', 'spec')).toEqual({
    serviceAccountName: 'stockpipe-api',
    securityContext: { runAsNonRoot: true },
    restartPolicy: 'Never',
    containers: [
      {
        name: 'tool',
        image: 'stockpipe:0.1.0',
        args: ['verify'],
        envFrom: [{ configMapRef: { name: 'stockpipe-config' } }],
      },
    ],
  })
  expect(at(job, 'spec', 'template', 'metadata', 'labels')).toEqual({
    'app.kubernetes.io/name': 'stockpipe',
    'app.kubernetes.io/component': 'tool',
  })
  expect(job).toMatchObject({
    metadata: { namespace: 'pipeline' },
    spec: { backoffLimit: 0, activeDeadlineSeconds: 60 },
  })
})

describe('a run', () => {
  const job = jobLike(api, { name: 'verify-1', args: ['verify'], deadlineSeconds: 60 })
  const selector = { matchLabels: { 'job-name': 'verify-1' } }
  const onServer = (status: object = {}): KubeObject => ({ ...job, spec: { selector }, status })
  const pod = (state: object, beside: readonly object[] = []): KubeObject =>
    object(
      'Pod',
      'verify-1-abc',
      {
        spec: { containers: [{ name: 'tool' }] },
        status: { phase: 'Running', containerStatuses: [...beside, { name: 'tool', restartCount: 0, state }] },
      },
      { labels: { 'job-name': 'verify-1' } },
    )

  /** Each look sees the next of these worlds; the last one stays. */
  function run(
    worlds: KubeObject[][],
    answers: readonly (readonly [lines: number, cut?: StockpipeError | undefined])[] = [],
  ) {
    const cluster = standingCluster([])
    const clock = manualClock()
    const lines: string[] = []
    const asked: PodLog[] = []
    const removed: string[] = []
    const stop = new AbortController()
    const next = () => (cluster.objects = worlds.shift() ?? cluster.objects)
    const done = runJob(job, {
      cluster: {
        ...cluster,
        apply: (wanted) => Promise.resolve(next() && wanted),
        remove: ({ name }, options) => Promise.resolve(void removed.push(options?.isCleanup ? name : 'not as cleanup')),
        get: (ref) => cluster.get(ref),
        list: (query) => cluster.list(query),
      },
      session: {
        async *logs(log) {
          asked.push(log)
          if (asked.length > 100) throw new Error('it is asked for without end')
          const [count, cut] = answers[asked.length - 1] ?? [2]
          log.place?.begin()
          for (const word of ['first', 'second', 'third'].slice(0, count)) {
            const text = log.place?.take(`2026-01-01T00:00:00Z ${word}`) ?? null
            if (text !== null) yield text
          }
          if (cut) throw cut
        },
      },
      clock: {
        ...clock,
        sleep: (ms) => {
          clock.advance(ms)
          next()
          return clock.elapsed() > 3_600_000 ? Promise.reject(new Error('it waits without end')) : Promise.resolve()
        },
      },
      namespace: 'pipeline',
      signal: stop.signal,
      line: (text) => lines.push(text),
    })
    return { done, lines, asked, removed, clock, stop }
  }

  test('hands on what the job writes, gives its exit code, and takes it away', async () => {
    const waiting = [onServer(), pod({ waiting: { reason: 'ContainerCreating' } })]
    const running = [onServer(), pod({ running: {} })]
    const { done, lines, asked, removed } = run([waiting, running, [onServer(), pod({ terminated: { exitCode: 3 } })]])
    expect(await done).toBe(3)
    expect(lines).toEqual(['first', 'second'])
    expect(asked[0]).toMatchObject({ pod: 'verify-1-abc', container: 'tool', follow: true })
    expect(removed).toEqual(['verify-1'])
  })

  const CUT = new StockpipeError('unreachable', 'the connection ended', { retryable: true })
  test.each([
    ['ends', undefined],
    ['is cut', CUT],
  ])('goes on, and tells each line once, when the connection to its log %s', async (_how, cut) => {
    const running = [onServer(), pod({ running: {} })]
    const ended = [onServer(), pod({ terminated: { exitCode: 0 } })]
    const { done, lines, removed } = run([running, running, ended], [[1, cut], [2, cut], [3]])
    expect(await done).toBe(0)
    expect(lines).toEqual(['first', 'second', 'third'])
    expect(removed).toEqual(['verify-1'])
  })

  test('ends with its own container, whatever goes on beside it', async () => {
    const proxy = { name: 'proxy', restartCount: 0, state: { running: {} } }
    const { done } = run([[onServer(), pod({ terminated: { exitCode: 3 } }, [proxy])]])
    expect(await done).toBe(3)
  })

  test('is read by its own container, though somebody put another one first, and that ended well', async () => {
    const proxy = { name: 'proxy', restartCount: 0, state: { terminated: { exitCode: 0 } } }
    const ended = pod({ terminated: { exitCode: 3 } }, [proxy])
    const meshed = { ...ended, spec: { containers: [{ name: 'proxy' }, { name: 'tool' }] } }
    const { done, asked } = run([[onServer(), meshed]])
    expect(await done).toBe(3)
    expect(asked.map(({ container }) => container)).toEqual(['tool'])
  })

  test('a log that cannot be read is asked for some times after the job has ended, and then its exit code counts', async () => {
    const why = 'the API server answered 500: cannot reach the kubelet'
    const away = new StockpipeError('not-ready', 'cannot read the log', { why, retryable: true })
    const ended = [onServer(), pod({ terminated: { exitCode: 3 } })]
    const { done, lines, asked, removed, clock } = run(
      [[onServer(), pod({ running: {} })], ended],
      Array.from({ length: 1_000 }, () => [0, away] as const),
    )
    expect(await done).toBe(3)
    expect(lines).toEqual([
      `the log of Job verify-1 could not be read to its end, its exit code counts all the same: ${why}`,
    ])
    expect(asked.map(({ follow }) => follow)).toEqual([true, false, false, false, false, false])
    expect(clock.elapsed()).toBe(5_000)
    expect(removed).toEqual(['verify-1'])
  })

  test.each([
    ['before it starts', { waiting: { reason: 'ContainerCreating' } }],
    ['while it is at work', { running: {} }],
  ])('a job that is gone with its pod %s says so', async (_when, state) => {
    const { done, removed } = run([[onServer(), pod(state)], []])
    const error: unknown = await done.catch((error: unknown) => error)
    expect(error).toMatchObject({
      code: 'not-found',
      message: 'Job verify-1 is gone, and how it ended is not known',
      why: expect.stringContaining('somebody deleted it'),
      hint: expect.stringContaining('run this again'),
    })
    expect(removed).toEqual(['verify-1'])
  })

  test('a job that is complete ended well, also where its pod went with its node', async () => {
    const conditions = [{ type: 'Complete', status: 'True' }]
    const { done } = run([[onServer(), pod({ running: {} })], [onServer({ conditions })]])
    expect(await done).toBe(0)
  })

  test('a log that we may not read ends it, and takes the job away', async () => {
    const forbidden = new StockpipeError('forbidden', 'cannot read the log')
    const { done, removed } = run([[onServer(), pod({ running: {} })]], [[0, forbidden]])
    expect(await done.catch((error: unknown) => error)).toBe(forbidden)
    expect(removed).toEqual(['verify-1'])
  })

  test('an interruption ends it in words, and takes the job away', async () => {
    const { done, removed, stop } = run([[onServer(), pod({ waiting: { reason: 'ContainerCreating' } })]])
    stop.abort()
    expect(String(await done.catch((error: unknown) => error))).toContain('interrupted while Job verify-1 was at work')
    expect(removed).toEqual(['verify-1'])
  })

  test('a job whose image is nowhere is given up, and taken away too', async () => {
    const world = [onServer(), pod({ waiting: { reason: 'ErrImageNeverPull', message: 'not on this node' } })]
    const { done, removed, clock } = run([world])
    const error: unknown = await done.catch((error: unknown) => error)
    expect(error).toMatchObject({
      message: 'Job verify-1 cannot start',
      why: expect.stringContaining('not on this node'),
    })
    expect(removed).toEqual(['verify-1'])
    expect(clock.elapsed()).toBe(15_000)
  })

  test('a job that is killed for its deadline says so', async () => {
    const conditions = [{ type: 'Failed', status: 'True', message: 'Job was active longer than specified deadline' }]
    const { done } = run([[onServer(), pod({ running: {} })], [onServer({ conditions })]])
    const error: unknown = await done.catch((error: unknown) => error)
    expect(error).toMatchObject({ why: 'Job was active longer than specified deadline' })
  })
})

test('a report for continuous integration holds each probe, with nothing that would break its XML', () => {
  const report = toJunit('stockpipe deploy test', [
    { name: 'api', ok: true, detail: '3 trades', ms: 1_500 },
    { name: 'grafana <Market>', ok: false, detail: 'said "no" & \u0007', ms: 20 },
  ])
  expect(report).toContain('tests="2" failures="1" time="1.520"')
  expect(report).toContain('name="grafana &lt;Market&gt;" time="0.020"')
  expect(report).toContain('<failure message="said &quot;no&quot; &amp; ?"/>')
})
