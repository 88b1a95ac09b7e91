import { describe, expect, test } from 'bun:test'

import type { KubeObject } from '../object.ts'
import { lookAt, type Standing, standingsOf } from './look.ts'
import { progressOf } from './progress.ts'
import { deployment, event, object, pod, standingCluster, statefulSet, waitingFor } from './rollout.fixture.ts'

const NOW = Date.parse('2026-01-02T00:00:00Z')

/** How the first of these objects stands while the others are there. */
async function standing(workload: KubeObject, ...others: KubeObject[]): Promise<Standing> {
  const view = { cluster: standingCluster([workload, ...others]), namespace: 'pipeline', clock: { now: () => NOW } }
  const scene = await lookAt(view, [workload])
  const [first] = standingsOf(scene)
  if (first === undefined) throw new Error('nothing is waited for')
  return first
}

describe('how far', () => {
  test('a deployment is: ready only with every pod of the newest form, and none of the old', () => {
    const whole = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 }
    expect(progressOf(deployment('api', whole))).toEqual({ state: 'ready', count: '2/2', why: '' })
    expect(progressOf(deployment('api', { ...whole, replicas: 3 })).state).toBe('waiting')
    expect(progressOf(deployment('api', { ...whole, availableReplicas: 1 })).count).toBe('1/2')
    expect(progressOf(deployment('api', { ...whole, updatedReplicas: 1 })).why).toContain('new form')
    expect(progressOf(deployment('api', { ...whole, observedGeneration: 0 })).why).toContain('not seen')
  })

  test('a deployment that made no progress for its deadline says so, and may still come up', () => {
    const conditions = [
      { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'has timed out' },
    ]
    expect(progressOf(deployment('api', { conditions }))).toEqual({
      state: 'waiting',
      count: '0/2',
      why: 'has timed out',
    })
  })

  test('a set is: ready when its pods are ready and of the newest revision', () => {
    expect(progressOf(statefulSet('kafka', 1)).state).toBe('ready')
    expect(progressOf(statefulSet('kafka', 0)).count).toBe('0/1')
    const rolling = { updateRevision: 'b', currentRevision: 'a', updatedReplicas: 0 }
    expect(progressOf(statefulSet('kafka', 1, rolling)).state).toBe('waiting')
  })

  test('a job is: done, failed, or at work', () => {
    const job = (type: string) =>
      object('Job', 'setup', { status: { conditions: [{ type, status: 'True', message: 'why' }] } })
    expect(progressOf(job('Complete')).state).toBe('ready')
    expect(progressOf(job('Failed'))).toEqual({ state: 'failed', count: '', why: 'why' })
    expect(progressOf(object('Job', 'setup')).state).toBe('waiting')
  })
})

describe('why it waits', () => {
  const kafka = statefulSet('kafka', 0)

  test.each([
    ['ImagePullBackOff', 'bring the image to the nodes', 15_000],
    ['ErrImageNeverPull', 'bring the image to the nodes', 15_000],
    ['CreateContainerConfigError', 'Secret', 30_000],
  ])('%s, with what to do and how long it may last', async (reason, advice, hopelessAfterMs) => {
    const { trouble } = await standing(kafka, pod('kafka', waitingFor(reason)))
    expect(trouble).toMatchObject({ where: 'kafka-0', hopelessAfterMs })
    expect(trouble?.why).toBe(`main: ${reason}, as the node says`)
    expect(trouble?.advice).toContain(advice)
  })

  const crashedAt = (msAgo: number) => ({
    restartCount: 3,
    lastState: { terminated: { reason: 'Error', exitCode: 2, finishedAt: new Date(NOW - msAgo).toISOString() } },
  })
  const afterCrash = (state: object, msAgo: number) =>
    pod('kafka', { containerStatuses: [{ name: 'main', state, ...crashedAt(msAgo) }] })

  test('a container that crashes again and again, also while it runs between two crashes', async () => {
    const waits = (await standing(kafka, pod('kafka', waitingFor('CrashLoopBackOff', crashedAt(3_600_000))))).trouble
    expect(waits?.why).toBe('main: ended with code 2, 3 times, waits to be started again')
    expect(waits).toMatchObject({ container: { name: 'main', previous: true }, hopelessAfterMs: 60_000 })
    const why = 'main: ended with code 2, 3 times, started again'
    // It is the same trouble, but nothing is given up while it runs.
    const between = { ...waits!, why, hopelessAfterMs: null, isBackedOff: false }
    expect((await standing(kafka, afterCrash({ running: {} }, 599_000))).trouble).toEqual(between)
    expect((await standing(kafka, afterCrash({ running: {} }, -5_000))).trouble).toEqual(between)
  })

  test('not a container that came up since, nor one whose crashes are over', async () => {
    expect((await standing(kafka, afterCrash({ running: {} }, 600_000))).trouble).toBeNull()
    const prepared = afterCrash({ terminated: { exitCode: 0 } }, 1_000)
    const [status] = (prepared['status'] as { containerStatuses: object[] }).containerStatuses
    const done = pod('kafka', { initContainerStatuses: [{ ...status, ready: true }] })
    expect((await standing(kafka, done)).trouble).toBeNull()
  })

  test('one crash is told, but is not hopeless', async () => {
    const crashed = { restartCount: 1, lastState: { terminated: { reason: 'Error', exitCode: 1 } } }
    const { trouble } = await standing(kafka, pod('kafka', waitingFor('CrashLoopBackOff', crashed)))
    expect(trouble).toMatchObject({ hopelessAfterMs: null, why: 'main: ended with code 1, waits to be started again' })
  })

  test('a job whose pod refused: the newest pod speaks for it', async () => {
    const job = object('Job', 'setup', {
      spec: { selector: { matchLabels: { app: 'setup' } } },
      status: { conditions: [{ type: 'Failed', status: 'True', message: 'matching FailJob rule at index 0' }] },
    })
    const ended = (name: string, day: string, exitCode: number) => {
      const containerStatuses = [{ name: 'main', restartCount: 0, state: { terminated: { exitCode } } }]
      const its = pod('setup', { phase: 'Failed', containerStatuses }, { restartPolicy: 'Never' })
      return { ...its, metadata: { ...its.metadata, name, creationTimestamp: `2026-01-${day}T00:00:00Z` } }
    }
    const stands = await standing(job, ended('first', '01', 1), ended('last', '03', 2), ended('second', '02', 1))
    expect(stands).toMatchObject({ state: 'failed', trouble: { where: 'last', why: 'main: ended with code 2' } })
    expect(stands.trouble?.container).toEqual({ name: 'main', previous: false })
  })

  test('too little memory is named for what it is', async () => {
    const killed = { restartCount: 2, lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } } }
    const { trouble } = await standing(kafka, pod('kafka', waitingFor('CrashLoopBackOff', killed)))
    expect(trouble?.why).toContain('ran out of memory')
    expect(trouble?.advice).toContain('memory')
  })

  test('no node has room, until an autoscaler promises one', async () => {
    const open = pod('kafka', { phase: 'Pending' })
    const refused = event(open, 'FailedScheduling', '0/1 nodes are available:\n Insufficient memory.')
    expect((await standing(kafka, open, refused)).trouble?.why).toBe(
      'FailedScheduling: 0/1 nodes are available: Insufficient memory.',
    )
    for (const promise of ['TriggeredScaleUp', 'Nominated'])
      expect((await standing(kafka, open, refused, event(open, promise, 'a node comes'))).trouble).toMatchObject({
        why: 'FailedScheduling: 0/1 nodes are available: Insufficient memory.',
        // It may still not fit, and then this is why.
        hopelessAfterMs: null,
      })
    const placed = pod('kafka', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'True' }] })
    expect((await standing(kafka, placed, refused)).trouble).toBeNull()
  })

  test('a Secret that is not there is waited for no longer than somebody needs to make it', async () => {
    const open = pod('kafka', waitingFor('ContainerCreating'))
    const failed = (message: string) =>
      event(open, 'FailedMount', `MountVolume.SetUp failed for volume "x" : ${message}`)
    const promised = event(open, 'Nominated', 'Pod should schedule on: nodeclaim/a')
    for (const message of [
      'secret "mine" not found',
      'configmap "mine" not found',
      'references non-existent secret key: token',
    ])
      expect((await standing(kafka, open, promised, failed(message))).trouble).toMatchObject({
        why: `FailedMount: MountVolume.SetUp failed for volume "x" : ${message}`,
        advice: expect.stringContaining('make the named Secret or ConfigMap'),
        hopelessAfterMs: 45_000,
      })
    expect((await standing(kafka, open, failed('timed out'))).trouble?.hopelessAfterMs).toBeNull()
  })

  test('what could not be mounted is no trouble any more when the image is pulled', async () => {
    const open = pod('kafka', waitingFor('ContainerCreating'))
    const failed = event(open, 'FailedMount', 'MountVolume.SetUp failed for volume "x" : secret "mine" not found')
    expect((await standing(kafka, open, failed, event(open, 'Pulling', 'Pulling image'))).trouble).toBeNull()
  })

  test('a claim without a class that could give it a volume', async () => {
    const claim = object('PersistentVolumeClaim', 'data-kafka-0', { status: { phase: 'Pending' } })
    const open = pod(
      'kafka',
      { phase: 'Pending' },
      { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-kafka-0' } }] },
    )
    const why = event(claim, 'FailedBinding', 'no storage class is set')
    expect((await standing(kafka, open, claim, why)).trouble).toMatchObject({
      where: 'claim data-kafka-0',
      why: 'FailedBinding: no storage class is set',
    })
  })

  test('pods that quota or pod security refuses, told by who wanted to make them', async () => {
    const api = deployment('api', { replicas: 0 })
    const set = object('ReplicaSet', 'api-5f', {}, { ownerReferences: [{ uid: 'uid of api' }] })
    const why = event(set, 'FailedCreate', 'pods "api-5f" is forbidden: exceeded quota')
    expect((await standing(api, set, why)).trouble?.why).toContain('exceeded quota')
  })

  test('not what is wrong with pods of an older form, which go', async () => {
    const api = deployment('api', {})
    const set = (name: string, revision: string) =>
      object(
        'ReplicaSet',
        name,
        {},
        {
          ownerReferences: [{ uid: 'uid of api' }],
          labels: { 'pod-template-hash': name },
          annotations: { 'deployment.kubernetes.io/revision': revision },
        },
      )
    const old = pod('api', waitingFor('ImagePullBackOff'))
    old.metadata.labels = { app: 'api', 'pod-template-hash': 'nine' }
    expect((await standing(api, set('nine', '9'), set('ten', '10'), old)).trouble).toBeNull()
    expect((await standing(api, set('nine', '9'), old)).trouble?.why).toContain('ImagePullBackOff')
  })

  test("not the events of a former pod of the same name, nor what a ready workload's pods went through", async () => {
    const open = pod('kafka', { phase: 'Pending' })
    const former = event({ ...open, metadata: { ...open.metadata, uid: 'gone' } }, 'FailedScheduling', 'no room')
    expect((await standing(kafka, open, former)).trouble).toBeNull()
    const done = statefulSet('kafka', 1)
    expect((await standing(done, pod('kafka', waitingFor('ImagePullBackOff')))).trouble).toBeNull()
  })
})
