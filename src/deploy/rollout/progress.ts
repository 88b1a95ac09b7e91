/** How far one object has come, from its status alone. */
import type { KubeObject } from '../object.ts'
import { condition, numberAt, textAt } from '../fields.ts'

export interface Progress {
  state: 'ready' | 'waiting' | 'failed'
  /** As in `1/3`; empty where there is nothing to count. */
  count: string
  /** What is missing; empty when ready. */
  why: string
}

const ready = (count = ''): Progress => ({ state: 'ready', count, why: '' })
const waiting = (why: string, count = ''): Progress => ({ state: 'waiting', count, why })
const failed = (why: string): Progress => ({ state: 'failed', count: '', why })

const KINDS: Readonly<Record<string, (object: KubeObject) => Progress>> = {
  Deployment: deployment,
  StatefulSet: statefulSet,
  Job: job,
  PersistentVolumeClaim: claim,
}

/** Kinds without a status that could keep one waiting are ready when they are there. */
export const progressOf = (object: KubeObject): Progress => (KINDS[object.kind] ?? (() => ready()))(object)

/** Whether the controller has seen the newest form of the object; else its status is of an older one. */
const isSeen = (object: KubeObject): boolean =>
  numberAt(object, 'status', 'observedGeneration') >= numberAt(object, 'metadata', 'generation')

/** Left out means one: the server's default. */
const wantedOf = (object: KubeObject): number =>
  typeof (object['spec'] as { replicas?: unknown } | undefined)?.replicas === 'number'
    ? numberAt(object, 'spec', 'replicas')
    : 1

function deployment(object: KubeObject): Progress {
  const wanted = wantedOf(object)
  if (!isSeen(object)) return waiting('not seen by its controller yet')
  const [updated, available] = [
    numberAt(object, 'status', 'updatedReplicas'),
    numberAt(object, 'status', 'availableReplicas'),
  ]
  const count = `${Math.min(updated, available)}/${wanted}`
  const late = condition(object, 'Progressing', 'False')
  // Its controller goes on all the same, and what was too late for it may have been mended since.
  if (textAt(late, 'reason') === 'ProgressDeadlineExceeded') return waiting(textAt(late, 'message'), count)
  if (updated < wanted) return waiting('pods of the new form are being made', count)
  if (numberAt(object, 'status', 'replicas') > updated) return waiting('old pods are going', count)
  return available < wanted ? waiting('pods are not ready', count) : ready(count)
}

function statefulSet(object: KubeObject): Progress {
  const wanted = wantedOf(object)
  if (!isSeen(object)) return waiting('not seen by its controller yet')
  const count = `${numberAt(object, 'status', 'readyReplicas')}/${wanted}`
  const isNew = textAt(object, 'status', 'updateRevision') === textAt(object, 'status', 'currentRevision')
  if (!isNew && numberAt(object, 'status', 'updatedReplicas') < wanted)
    return waiting('pods of the new form are being made', count)
  return numberAt(object, 'status', 'readyReplicas') < wanted ? waiting('pods are not ready', count) : ready(count)
}

function job(object: KubeObject): Progress {
  const bad = condition(object, 'Failed')
  if (bad !== undefined) return failed(textAt(bad, 'message') || textAt(bad, 'reason'))
  return condition(object, 'Complete') === undefined ? waiting('at work') : ready()
}

function claim(object: KubeObject): Progress {
  const phase = textAt(object, 'status', 'phase')
  if (phase === 'Bound') return ready()
  return phase === 'Lost' ? failed('its volume is gone') : waiting('no volume yet')
}
