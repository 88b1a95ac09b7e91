/** Why a pod, or a workload that gets no pods, does not come up: read from statuses and events as a person would. */
import type { KubeObject } from '../object.ts'
import { at, condition, listAt, numberAt, textAt } from '../fields.ts'
import { EVENTS, HELP_COMES, STARTS, WAITING } from './rules.ts'

export interface Trouble {
  /** The same trouble has the same name, so that it can be told how long it lasts. */
  name: string
  /** The pod, or the workload that cannot make one. */
  where: string
  why: string
  advice: string
  /** Give up when it lasted so long (ms); null: it may pass, however long it takes. */
  hopelessAfterMs: number | null
  /** Whether it may be mended and last on, for the node tries again only after minutes. */
  isBackedOff?: boolean
  /** Whose last words may say more; `previous`: those of the run before. */
  container?: { name: string; previous: boolean }
}

/** What was seen of a namespace. */
export interface Seen {
  events: readonly KubeObject[]
  /** When (Unix ms). */
  now: number
}

const CRASHES_TO_COUNT = 3
const CRASHES_MAY_LAST_MS = 60_000
/** A node begins to count its waits anew after so long. */
const END_IS_OLD_AFTER_MS = 600_000

/** Events about one object, the newest last. */
export function eventsOf(events: readonly KubeObject[], kind: string, name: string): KubeObject[] {
  const about = (event: KubeObject) =>
    textAt(event, 'involvedObject', 'kind') === kind && textAt(event, 'involvedObject', 'name') === name
  return events.filter(about).sort((a, b) => timeOf(a) - timeOf(b))
}

/** Events name their time in three ways, by age of the client that wrote them. */
export const timeOf = (event: KubeObject): number =>
  Math.max(
    0,
    ...[
      textAt(event, 'series', 'lastObservedTime'),
      textAt(event, 'lastTimestamp'),
      textAt(event, 'eventTime'),
      textAt(event, 'metadata', 'creationTimestamp'),
    ]
      .map((text) => Date.parse(text))
      .filter((time) => !Number.isNaN(time)),
  )

/** Null: nothing is wrong, as far as one can see; it may still be starting. */
export function troubleOfPod(pod: KubeObject, { events, now }: Seen): Trouble | null {
  if (condition(pod, 'Ready') !== undefined || textAt(pod, 'status', 'phase') === 'Succeeded') return null
  const all = eventsOf(events, 'Pod', pod.metadata.name).filter((event) => isOf(event, pod))
  const own = all.filter((event) => isOpen(event, pod, all))
  const { name } = pod.metadata
  const found = endTrouble(pod) ?? containerTrouble(pod, now) ?? eventTrouble(name, own)
  const isPromised = found?.name === `${name}/FailedScheduling` && all.some(isHelp)
  return isPromised ? { ...found, hopelessAfterMs: null } : found
}

const isHelp = (event: KubeObject): boolean => HELP_COMES.test(textAt(event, 'reason'))

/** A StatefulSet gives the same name again: the events of the former pod are none of this one's. */
const isOf = (event: KubeObject, object: KubeObject): boolean =>
  textAt(event, 'involvedObject', 'uid') === textAt(object, 'metadata', 'uid')

/** Events stay for an hour: what the pod has left behind is no trouble any more. */
function isOpen(event: KubeObject, pod: KubeObject, all: readonly KubeObject[]): boolean {
  const reason = textAt(event, 'reason')
  if (reason === 'FailedScheduling') return condition(pod, 'PodScheduled') === undefined
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')]
  if (reason === 'FailedMount' || reason === 'FailedAttachVolume')
    return (
      statuses.every((status) => textAt(status, 'state', 'waiting', 'reason') !== '') &&
      !all.some((other) => STARTS.test(textAt(other, 'reason')) && timeOf(other) >= timeOf(event))
    )
  return true
}

function containerTrouble(pod: KubeObject, now: number): Trouble | null {
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')]
  for (const status of statuses) {
    const found = waitTrouble(pod.metadata.name, status) ?? crashTrouble(pod.metadata.name, status, now)
    if (found !== null) return found
  }
  return null
}

function waitTrouble(pod: string, status: unknown): Trouble | null {
  const name = textAt(status, 'name')
  const reason = textAt(status, 'state', 'waiting', 'reason')
  const rule = WAITING.find((known) => known.reason.test(reason))
  if (rule === undefined) return null
  const message = oneLine(textAt(status, 'state', 'waiting', 'message'))
  const why = [`${name}: ${reason}`, message].filter(Boolean).join(', ')
  const container = { name, previous: numberAt(status, 'restartCount') > 0 }
  return { ...rule, name: `${pod}/${name}/${rule.advice}`, where: pod, why, container, isBackedOff: true }
}

/** Of a pod that is never started again; its Job may make another one, and says itself when it gives up. */
function endTrouble(pod: KubeObject): Trouble | null {
  if (textAt(pod, 'status', 'phase') !== 'Failed' || textAt(pod, 'spec', 'restartPolicy') !== 'Never') return null
  const status = listAt(pod, 'status', 'containerStatuses').find(
    (status) => numberAt(status, 'state', 'terminated', 'exitCode') !== 0,
  )
  if (status === undefined) return null
  const name = textAt(status, 'name')
  const code = numberAt(status, 'state', 'terminated', 'exitCode')
  return {
    name: `${pod.metadata.name}/${name}/end`,
    where: pod.metadata.name,
    why: `${name}: ended with code ${code}`,
    advice: 'mend what it names, then run deploy again',
    hopelessAfterMs: null,
    container: { name, previous: false },
  }
}

/**
 * Between two crashes it runs for a while: that is one trouble, however it looks at the moment. But restarts are counted
 * for the life of a pod, also those of a node that was stopped: while it runs it may come up this time.
 */
function crashTrouble(pod: string, status: unknown, now: number): Trouble | null {
  const name = textAt(status, 'name')
  const crashes = numberAt(status, 'restartCount')
  const waitsFor = textAt(status, 'state', 'waiting', 'reason')
  const isLooping = waitsFor === 'CrashLoopBackOff'
  if (crashes === 0 || at(status, 'ready') === true || !(isLooping || hasJustEnded(status, now))) return null
  const isCounted = isLooping && crashes >= CRASHES_TO_COUNT
  return {
    name: `${pod}/${name}/crashes`,
    where: pod,
    why: `${name}: ${endWords(status)}, ${waitsFor === '' ? 'started again' : 'waits to be started again'}`,
    advice: isOutOfMemory(status) ? 'give it more memory by --set' : 'read what it says: stockpipe deploy logs',
    hopelessAfterMs: isCounted ? CRASHES_MAY_LAST_MS : null,
    isBackedOff: isLooping,
    container: { name, previous: true },
  }
}

/** By the clock of its node, which may be ahead. */
const hasJustEnded = (status: unknown, now: number): boolean =>
  ['state', 'lastState'].some(
    (state) => now - Date.parse(textAt(status, state, 'terminated', 'finishedAt')) < END_IS_OLD_AFTER_MS,
  )

const isOutOfMemory = (status: unknown): boolean => textAt(status, 'lastState', 'terminated', 'reason') === 'OOMKilled'

function endWords(status: unknown): string {
  const reason = textAt(status, 'lastState', 'terminated', 'reason')
  const code = numberAt(status, 'lastState', 'terminated', 'exitCode')
  const times = numberAt(status, 'restartCount')
  const end = reason === 'OOMKilled' ? 'ran out of memory' : `ended with code ${code}`
  return times > 1 ? `${end}, ${times} times` : end
}

/** What the newest telling event of an object means. */
export function eventTrouble(where: string, events: readonly KubeObject[]): Trouble | null {
  for (const event of events.toReversed()) {
    const reason = textAt(event, 'reason')
    const message = oneLine(textAt(event, 'message'))
    const rule = EVENTS.find((known) => known.reason.test(reason) && (known.message?.test(message) ?? true))
    if (rule === undefined) continue
    return {
      name: `${where}/${reason}`,
      where,
      why: `${reason}: ${message}`,
      advice: rule.advice,
      hopelessAfterMs: rule.hopelessAfterMs,
      ...(rule.isBackedOff === true && { isBackedOff: true }),
      ...containerOf(event),
    }
  }
  return null
}

/** As in `spec.containers{kafka}`: the event is of one that runs. */
function containerOf(event: KubeObject): Pick<Trouble, 'container'> {
  const [, name] = /\{(.+)\}$/.exec(textAt(event, 'involvedObject', 'fieldPath')) ?? []
  return name === undefined ? {} : { container: { name, previous: false } }
}

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()
