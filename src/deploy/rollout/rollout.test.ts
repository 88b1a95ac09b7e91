import { expect, test } from 'bun:test'

import { hurriedClock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { KubeObject } from '../object.ts'
import { awaitRollout, type RolloutRow } from './rollout.ts'
import { event, object, pod, standingCluster, statefulSet, waitingFor } from './rollout.fixture.ts'
import { tableLines } from './table.ts'

const START = Date.parse('2026-01-02T00:00:00Z')

/** A rollout of `kafka` on a clock of its own, which moves on with every look. */
function rollout(objects: KubeObject[], { lines = ['last words'], onLook = (_look: number) => {} } = {}) {
  const cluster = standingCluster(objects)
  const clock = hurriedClock(START)
  const stop = new AbortController()
  const shown: RolloutRow[][] = []
  const asked: unknown[] = []
  const told: string[] = []
  const session = {
    async *logs(pod: unknown) {
      asked.push(pod)
      yield* lines
    },
  }
  const show = (rows: readonly RolloutRow[]) => {
    shown.push([...rows])
    onLook(shown.length)
  }
  const options = {
    cluster,
    session,
    clock,
    namespace: 'pipeline',
    timeoutMs: 300_000,
    signal: stop.signal,
    show,
    tell: (line: string) => told.push(line),
  }
  const done = (wanted = [statefulSet('kafka', 0)]) => awaitRollout(wanted, options)
  return { cluster, clock, stop, shown, asked, told, done }
}

const errorOf = async (work: Promise<void>): Promise<StockpipeError> => {
  const error: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(error instanceof StockpipeError)) throw new Error('no such error')
  return error
}

test('it ends when all is ready', async () => {
  const run = rollout([statefulSet('kafka', 0)], {
    onLook: (look) => {
      if (look === 3) run.cluster.objects = [statefulSet('kafka', 1)]
    },
  })
  await run.done()
  expect(run.shown.map(([row]) => row?.state)).toEqual(['waiting', 'waiting', 'waiting', 'ready'])
})

test('a pull that fails is given up after a while, with what to do', async () => {
  const run = rollout([statefulSet('kafka', 0)], {
    onLook: (look) => {
      if (look === 1) run.cluster.objects = [statefulSet('kafka', 0), pod('kafka', waitingFor('ImagePullBackOff'))]
    },
  })
  const error = await errorOf(run.done())
  expect(error.message).toBe('StatefulSet kafka does not come up')
  expect(error.why).toContain('ImagePullBackOff')
  expect(error.hint).toContain('minikube image load')
  expect(run.clock.elapsed()).toBe(1_000 + 15_000)
})

test('a pod that has failed in an earlier run is made anew, once, for the node waits long between its tries', async () => {
  const failing = pod('kafka', waitingFor('ImagePullBackOff'))
  const run = rollout([statefulSet('kafka', 0), failing], {
    onLook: (look) => {
      if (look === 1) expect(run.cluster.objects.map(({ kind }) => kind)).toEqual(['StatefulSet'])
      if (look === 1) run.cluster.objects = [statefulSet('kafka', 0), failing]
    },
  })
  expect((await errorOf(run.done())).why).toContain('ImagePullBackOff')
  expect(run.told).toEqual(['Pod pipeline/kafka-0 has failed before: deleted, so that a new one is tried at once'])
})

/** As a node that was stopped and started again leaves it: nothing of it has crashed. */
const startedAgain = (restartCount: number, finishedAt: number) => ({
  phase: 'Running',
  containerStatuses: [
    {
      name: 'main',
      restartCount,
      state: { running: { startedAt: new Date(START).toISOString() } },
      lastState: { terminated: { reason: 'Unknown', exitCode: 255, finishedAt: new Date(finishedAt).toISOString() } },
    },
  ],
})

test.each([
  ['yesterday', START - 86_400_000],
  ['a moment ago', START - 30_000],
])('a pod that starts is left alone, though its node was stopped again and again, the last time %s', async (_, end) => {
  const starting = pod('kafka', startedAgain(3, end))
  const run = rollout([statefulSet('kafka', 0), starting, event(starting, 'Unhealthy', 'connection refused')], {
    onLook: (look) => {
      if (look === 200) run.cluster.objects = [statefulSet('kafka', 1)]
    },
  })
  await run.done()
  expect(run.told).toEqual([])
  expect(run.shown.length).toBe(201)
})

test('what ended long ago is not told for what is wrong now', async () => {
  const starting = pod('kafka', startedAgain(3, START - 86_400_000))
  const run = rollout([statefulSet('kafka', 0), starting, event(starting, 'Unhealthy', 'connection refused')], {
    onLook: () => run.stop.abort(),
  })
  await errorOf(run.done())
  expect(run.shown[0]?.[0]?.trouble?.why).toBe('Unhealthy: connection refused')
})

test('so is a pod that lacked a Secret in an earlier run, where the node waits as long', async () => {
  const open = pod('kafka', waitingFor('ContainerCreating'))
  const failed = event(open, 'FailedMount', 'MountVolume.SetUp failed for volume "x" : secret "mine" not found')
  const run = rollout([statefulSet('kafka', 0), open, failed], {
    onLook: (look) => {
      if (look === 1) run.cluster.objects = [statefulSet('kafka', 1)]
    },
  })
  await run.done()
  expect(run.told).toEqual(['Pod pipeline/kafka-0 has failed before: deleted, so that a new one is tried at once'])
})

test('a trouble that passes in time is forgiven, and counts from the start when it comes again', async () => {
  const bad = [statefulSet('kafka', 0), pod('kafka', waitingFor('ImagePullBackOff'))]
  const run = rollout([statefulSet('kafka', 0)], {
    onLook: (look) => {
      if (look === 1) run.cluster.objects = bad
      if (look === 10) run.cluster.objects = [statefulSet('kafka', 0)]
      if (look === 12) run.cluster.objects = bad
    },
  })
  await errorOf(run.done())
  expect(run.clock.elapsed()).toBe(12_000 + 15_000)
})

test('a container that crashes speaks for itself: the last line before its end, asked for now and then', async () => {
  const crashed = { restartCount: 3, lastState: { terminated: { reason: 'Error', exitCode: 2 } } }
  const run = rollout([statefulSet('kafka', 0)], {
    lines: ['first', 'error: no such broker', '  why: it is away', '  try: start it'],
    onLook: (look) => {
      if (look === 1)
        run.cluster.objects = [statefulSet('kafka', 0), pod('kafka', waitingFor('CrashLoopBackOff', crashed))]
    },
  })
  const error = await errorOf(run.done())
  expect(error.why).toContain('it said: error: no such broker why: it is away try: start it')
  expect(run.asked[0]).toMatchObject({ pod: 'kafka-0', container: 'main', previous: true, tail: 5 })
  expect(run.asked.length).toBe(13)
})

test('what a container said is still told when its node has dropped the log by the end', async () => {
  const crashed = { restartCount: 3, lastState: { terminated: { reason: 'Error', exitCode: 2 } } }
  const lines = ['error: no such broker']
  const run = rollout([statefulSet('kafka', 0)], {
    lines,
    onLook: (look) => {
      if (look === 1)
        run.cluster.objects = [statefulSet('kafka', 0), pod('kafka', waitingFor('CrashLoopBackOff', crashed))]
      if (look === 20) lines.splice(0, 1, 'unable to retrieve container logs for containerd://1')
    },
  })
  expect((await errorOf(run.done())).why).toContain('it said: error: no such broker')
  expect(lines[0]).toStartWith('unable')
})

test('the time is limited, and the end says who is late and why', async () => {
  const open = pod('kafka', { phase: 'Running' })
  const run = rollout([statefulSet('kafka', 0), open, event(open, 'Unhealthy', 'connection refused')])
  const error = await errorOf(run.done())
  expect(error.message).toBe('not ready after 300 s: StatefulSet kafka')
  expect(error.why).toContain('Unhealthy: connection refused')
})

test('a container that runs and is not ready speaks for itself, too, as it runs now', async () => {
  const open = pod('kafka', { phase: 'Running' })
  const unhealthy = event(open, 'Unhealthy', 'HTTP probe failed with statuscode: 503')
  const about = { ...(unhealthy['involvedObject'] as object), fieldPath: 'spec.containers{main}' }
  const run = rollout([statefulSet('kafka', 0), open, { ...unhealthy, involvedObject: about }], {
    lines: ['begins', 'waits for the schema'],
    onLook: () => run.stop.abort(),
  })
  await errorOf(run.done())
  expect(tableLines(run.shown[0] ?? [], 0)[0]).toBe(
    'wait  StatefulSet kafka  0/1  Unhealthy: HTTP probe failed with statuscode: 503; it said: waits for the schema',
  )
  expect(run.asked).toEqual([expect.objectContaining({ pod: 'kafka-0', container: 'main', previous: false })])
})

test('a server that does not answer for a moment is waited for; one that refuses is not', async () => {
  const run = rollout([statefulSet('kafka', 1)])
  const { cluster } = rollout([statefulSet('kafka', 1)])
  let calls = 0
  run.cluster.list = (query) =>
    (calls += 1) <= 8
      ? Promise.reject(new StockpipeError('unreachable', 'away', { retryable: true }))
      : cluster.list(query)
  await run.done()
  expect(run.shown.length).toBe(1)
  const refused = rollout([statefulSet('kafka', 1)])
  refused.cluster.list = () => Promise.reject(new StockpipeError('auth', 'may not list pods'))
  expect((await errorOf(refused.done())).message).toBe('may not list pods')
})

test('a pod of an older form that cannot start is taken away, for its set would wait for it for ever', async () => {
  const set = statefulSet('kafka', 0, { updateRevision: 'new', currentRevision: 'old' })
  const old = pod('kafka', waitingFor('ImagePullBackOff'))
  old.metadata.labels = { app: 'kafka', 'controller-revision-hash': 'old' }
  const run = rollout([set, old], {
    onLook: (look) => {
      if (look === 2) run.cluster.objects = [statefulSet('kafka', 1)]
    },
  })
  await run.done()
  expect(run.told).toEqual([
    'Pod pipeline/kafka-0 is of an older form and cannot start: deleted, so that the new one takes its place',
  ])
})

const ofOldForm = (status: Record<string, unknown>): KubeObject => {
  const old = pod('kafka', status)
  return { ...old, metadata: { ...old.metadata, labels: { app: 'kafka', 'controller-revision-hash': 'old' } } }
}

test('an older pod that is not ready for a moment is left alone, however often it was restarted before', async () => {
  const set = statefulSet('kafka', 0, { updateRevision: 'new', currentRevision: 'old' })
  const old = ofOldForm(startedAgain(3, START - 86_400_000))
  const run = rollout([set, old, event(old, 'Unhealthy', 'timed out')], {
    onLook: (look) => {
      if (look === 200) run.cluster.objects = [statefulSet('kafka', 1)]
    },
  })
  await run.done()
  expect(run.told).toEqual([])
})

test('an older pod gets the time in which its trouble may pass', async () => {
  const set = statefulSet('kafka', 0, { updateRevision: 'new', currentRevision: 'old' })
  let deletedAt = 0
  const run = rollout([set], {
    onLook: (look) => {
      if (look === 1) run.cluster.objects = [set, ofOldForm(waitingFor('ImagePullBackOff'))]
      if (deletedAt === 0 && run.told.length > 0) deletedAt = run.clock.elapsed()
      if (run.told.length > 0) run.cluster.objects = [statefulSet('kafka', 1)]
    },
  })
  await run.done()
  expect(run.told).toHaveLength(1)
  expect(deletedAt).toBe(1_000 + 15_000)
})

test('Ctrl-C says that nothing is undone', async () => {
  const run = rollout([statefulSet('kafka', 0)], { onLook: () => run.stop.abort() })
  expect((await errorOf(run.done())).hint).toContain('again')
})

test('a Job that gave up tells how its last pod ended, and what it said', async () => {
  const labels = { 'batch.kubernetes.io/controller-uid': 'one' }
  const job = object('Job', 'setup-topics', {
    spec: { selector: { matchLabels: labels } },
    status: { conditions: [{ type: 'Failed', status: 'True', message: 'failed with exit code 2 matching FailJob' }] },
  })
  const ended = (name: string, exitCode: number, creationTimestamp: string) =>
    object(
      'Pod',
      name,
      {
        spec: { restartPolicy: 'Never' },
        status: {
          phase: 'Failed',
          containerStatuses: [{ name: 'setup-topics', restartCount: 0, state: { terminated: { exitCode } } }],
        },
      },
      { labels, creationTimestamp },
    )
  const [first, last] = [ended('a', 1, '2026-01-01T00:00:00Z'), ended('b', 2, '2026-01-01T00:01:00Z')]
  const lines = ['{"msg":"begins"}', 'error: raw has 8 partitions', '  try: --partitions=8']
  const run = rollout([job, first, last], { lines })
  const error = await errorOf(run.done([job]))
  expect(error.message).toBe('Job setup-topics does not come up')
  expect(error.why).toContain('ended with code 2; it said: error: raw has 8 partitions try: --partitions=8')
  expect(error.hint).toBe('mend what it names, then run deploy again')
  expect(run.asked).toEqual([expect.objectContaining({ pod: 'b', previous: false })])
})
