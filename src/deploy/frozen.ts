/** Fields that cannot change once an object is there: which of them would, and what to do. */
import { StockpipeError } from '../errors.ts'
import { at, listAt, numberAt, textAt } from './fields.ts'
import { refOf, wordsOf, type KubeObject } from './object.ts'

const FROZEN: Readonly<Record<string, readonly string[]>> = {
  StatefulSet: ['volumeClaimTemplates', 'serviceName', 'selector', 'podManagementPolicy'],
  Deployment: ['selector'],
  Job: ['template', 'selector'],
  PersistentVolumeClaim: ['storageClassName', 'accessModes', 'volumeName', 'resources'],
}

/** The refusal of the server, with the fields that it leaves out and the way around. */
export function frozenWords(wanted: KubeObject, live: KubeObject, refusal: StockpipeError): StockpipeError {
  const ref = refOf(wanted)
  const fields = (FROZEN[ref.kind] ?? []).filter(
    (field) =>
      !holds(at(live, 'spec', field), at(wanted, 'spec', field)) ||
      (field === 'volumeClaimTemplates' && classesOf(live) !== classesOf(wanted)),
  )
  if (fields.length === 0) return refusal
  return new StockpipeError(
    'immutable',
    `${wordsOf(ref)} cannot change ${fields.map((name) => `spec.${name}`).join(', ')}`,
    {
      why: 'Kubernetes fixes it when the object is made',
      hint: wayAround(wanted, fields),
      cause: refusal,
    },
  )
}

/** Left out it means the default's, and the server writes none here. */
const classesOf = (set: KubeObject): string =>
  listAt(set, 'spec', 'volumeClaimTemplates')
    .map((template) => textAt(template, 'spec', 'storageClassName'))
    .join(' ')

function wayAround({ kind, metadata }: KubeObject, fields: readonly string[]): string {
  const { name, namespace = '' } = metadata
  if (kind === 'PersistentVolumeClaim')
    return 'keep the values that it has; only the size may grow, where its class allows it'
  if (kind !== 'StatefulSet') return `kubectl delete ${kind.toLowerCase()} ${name} -n ${namespace}, then run this again`
  const size = fields.includes('volumeClaimTemplates') ? '; the claims that exist keep their size and class' : ''
  return `kubectl delete statefulset ${name} -n ${namespace} --cascade=orphan, then run this again: pods and data stay${size}`
}

/** Whether everything wanted is there already; the server adds defaults of its own. */
function holds(live: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true
  if (Array.isArray(wanted))
    return Array.isArray(live) && live.length === wanted.length && wanted.every((item, i) => holds(live[i], item))
  if (typeof wanted === 'object' && wanted !== null)
    return Object.entries(wanted).every(([key, value]) => holds(at(live, key), value))
  return live === wanted
}

/** Null where the number of servers may change so. Those that are stopped (0) and start again count as unchanged. */
export function refuseScaling(wanted: KubeObject, live: KubeObject): StockpipeError | null {
  if (wanted.kind !== 'StatefulSet') return null
  const [has, wants] = [numberAt(live, 'spec', 'replicas'), numberAt(wanted, 'spec', 'replicas')]
  if (has === wants || wants === 0 || has === 0) return null
  if (wanted.metadata.name === 'kafka') return otherVoters(has, wants)
  return wanted.metadata.name === 'cassandra' && wants < has ? lostRanges(has, wants) : null
}

/** The voters of Kafka are written down in its data: another count is another cluster. */
const otherVoters = (has: number, wants: number): StockpipeError =>
  new StockpipeError('immutable', `Kafka cannot go from ${has} to ${wants} brokers`, {
    why: 'the voters of its quorum are fixed when its disks are formatted, and topics keep the replicas that they were made with',
    hint: `keep kafka.replicas=${has}, or install beside it in a namespace of its own and move over`,
  })

/** A node owns rows, and hands them over only when it is told to leave. */
const lostRanges = (has: number, wants: number): StockpipeError =>
  new StockpipeError('immutable', `Cassandra cannot go from ${has} to ${wants} nodes by itself`, {
    why: 'a node that is just stopped takes its rows with it: it must hand them over first, and the keyspace must need no more copies than there are nodes left',
    hint: `keep cassandra.replicas=${has}; to shrink, run nodetool decommission on the last node (cassandra-${has - 1}), kubectl scale statefulset cassandra to one less, repeat, and only then set it here`,
  })
