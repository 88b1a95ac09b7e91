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

/**
 * Null where the number of servers may change so. Those that are stopped (0), or taken away without their disks, count as
 * many as there are disks. `claims` resolves to the names of the claims of the namespace.
 */
export async function refuseScaling(
  wanted: KubeObject,
  live: KubeObject | null,
  claims: () => Promise<readonly string[]>,
): Promise<StockpipeError | null> {
  const { name } = wanted.metadata
  const wants = numberAt(wanted, 'spec', 'replicas')
  if (wanted.kind !== 'StatefulSet' || wants === 0 || !(name === 'kafka' || name === 'cassandra')) return null
  const runs = numberAt(live, 'spec', 'replicas')
  const has = runs === 0 ? kept(wanted, await claims()) : runs
  if (has === 0 || has === wants) return null
  const found = { has, wants, areKept: runs === 0, namespace: wanted.metadata.namespace ?? '' }
  if (name === 'kafka') return otherVoters(found)
  return wants < has ? lostRanges(found) : null
}

/** How many servers there were. Of Kafka never an even number: then the claim of the last one got lost. */
const kept = (set: KubeObject, claims: readonly string[]): number => {
  const found = claimed(set, claims)
  return set.metadata.name === 'kafka' && found % 2 === 0 && found > 0 ? found + 1 : found
}

/** How many servers the claims of a StatefulSet were made for, by the highest number in their names. */
function claimed(set: KubeObject, claims: readonly string[]): number {
  const templates = listAt(set, 'spec', 'volumeClaimTemplates').map((template) => textAt(template, 'metadata', 'name'))
  const beginnings = templates.map((template) => `${template}-${set.metadata.name}-`)
  const numbers = claims.flatMap((claim) =>
    beginnings
      .filter((beginning) => claim.startsWith(beginning))
      .map((beginning) => claim.slice(beginning.length))
      .filter((rest) => /^\d+$/.test(rest))
      .map((rest) => Number(rest) + 1),
  )
  return Math.max(0, ...numbers)
}

interface Scaling {
  has: number
  wants: number
  /** Nothing of it runs: what counts are the disks. */
  areKept: boolean
  namespace: string
}

const giveUp = ({ namespace }: Scaling): string =>
  `or give up the data first: stockpipe deploy uninstall --delete-data -n ${namespace}`
const disks = ({ has }: Scaling, claim: string): string =>
  `the data of ${has} is kept (claim ${claim}${has === 1 ? '' : ' and on'}), and `

/** The voters of Kafka are written down in its data: another count is another cluster. */
function otherVoters(found: Scaling): StockpipeError {
  const { has, wants, areKept } = found
  const why =
    'the voters of its quorum are fixed when its disks are formatted, and topics keep the replicas that they were made with'
  return new StockpipeError('immutable', `Kafka cannot go from ${has} to ${wants} brokers`, {
    why: areKept
      ? `${disks(found, 'data-kafka-0')}${why}: new, empty ones could outvote those that know the topics`
      : why,
    hint: areKept
      ? `--set kafka.replicas=${has}, ${giveUp(found)}`
      : `keep kafka.replicas=${has}, or install beside it in a namespace of its own and move over`,
  })
}

/** A node owns rows, and hands them over only when it is told to leave. */
function lostRanges(found: Scaling): StockpipeError {
  const { has, wants, areKept, namespace } = found
  const why =
    'a node that is just stopped takes its rows with it: it must hand them over first, and the keyspace must need no more copies than there are nodes left'
  return new StockpipeError('immutable', `Cassandra cannot go from ${has} to ${wants} nodes by itself`, {
    why: areKept ? `${disks(found, 'data-cassandra-0')}${why}` : why,
    hint: areKept
      ? `--set cassandra.replicas=${has}; where the last node was decommissioned its claim may go: kubectl delete pvc data-cassandra-${has - 1} -n ${namespace}; ${giveUp(found)}`
      : `keep cassandra.replicas=${has}; to shrink, run nodetool decommission on the last node (cassandra-${has - 1}), kubectl scale statefulset cassandra to one less, repeat, and only then set it here`,
  })
}
