/** `deploy status`: what runs, what does not and why, and how the pipeline itself says it is. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Cluster, ClusterIdentity, ClusterSession } from '../cluster.ts'
import { at, listAt, numberAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { isWaitedFor, lookAt, type Standing, standingsOf } from '../rollout/look.ts'
import { askJson, throughPod } from './ask.ts'
import { isReady, nameOf, type Part, podsOfPart } from './workloads.ts'

const HTTP_PORT = 8080
const KINDS = [
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'Deployment'],
  ['batch/v1', 'Job'],
] as const

/** The parts that are stockpipe itself: no installation is without one of them. */
export const ROLES = ['producer', 'processor', 'api'] as const satisfies readonly Part[]
export type Role = (typeof ROLES)[number]

/** What one pod of a role says of itself. */
export interface RoleStatus {
  role: Role
  pod: string
  version: string
  /** As in `store: the schema is not there yet`. */
  notReady: string[]
  tradesPerSecond: number | null
  /** Records behind, against what is processed. */
  lagRecords: number | null
}

export interface PipelineStatus {
  cluster: ClusterIdentity
  namespace: string
  isInstalled: boolean
  workloads: Standing[]
  roles: RoleStatus[]
  /** Age (ms) of the newest trade that the API knows; null where it knows none, or does not tell. */
  newestTradeAgeMs: number | null
}

export interface Observed {
  cluster: Cluster
  session: Pick<ClusterSession, 'forward'>
  clock: Clock
  namespace: string
}

export async function statusOf(observed: Observed): Promise<PipelineStatus> {
  const { cluster, namespace } = observed
  const workloads = await ourWorkloads(observed)
  const standings = standingsOf(await lookAt(observed, workloads))
  const roles = await Promise.all(ROLES.map((role) => roleStatus(observed, role)))
  return {
    cluster: await cluster.identity(),
    namespace,
    isInstalled: workloads.length > 0,
    workloads: standings,
    roles: roles.flat(),
    newestTradeAgeMs: await newestTradeAge(observed),
  }
}

export const isHealthy = (status: PipelineStatus): boolean =>
  status.workloads.every(({ state }) => state === 'ready') && ROLES.every((role) => faultsOf(status, role).length === 0)

/** What keeps a role from its work, in words; nothing where every pod that it should have is there and well. */
export function faultsOf({ workloads, roles }: PipelineStatus, role: Role): string[] {
  const its = workloads.find(({ name }) => name === nameOf(role))
  if (its === undefined) return ['it is not installed']
  const pods = roles.filter((said) => said.role === role)
  const said = pods.flatMap(({ pod, notReady }) => notReady.map((why) => `${pod}: ${why}`))
  if (its.state !== 'ready') return [`${its.count}: ${its.trouble?.why ?? its.why}`, ...said]
  return pods.length > 0 ? said : [`${its.count}: nothing of it is wanted, so that nothing of it runs`]
}

async function ourWorkloads({ cluster, namespace }: Observed): Promise<KubeObject[]> {
  const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
  const lists = await Promise.all(
    KINDS.map(([apiVersion, kind]) => cluster.list({ apiVersion, kind, namespace, labels })),
  )
  return lists.flat().filter(isWaitedFor)
}

async function roleStatus(observed: Observed, role: Role): Promise<RoleStatus[]> {
  const pods = (await podsOfPart(observed, role)).filter((pod) => textAt(pod, 'status', 'phase') === 'Running')
  return Promise.all(
    pods.map(async (pod) => {
      const said = await statusz(observed, pod)
      return { role, pod: pod.metadata.name, ...said, ...(role === 'producer' && COUNTS_NOTHING) }
    }),
  )
}

type Said = Omit<RoleStatus, 'role' | 'pod'>
const SILENT: Said = { version: '', notReady: ['it does not answer'], tradesPerSecond: null, lagRecords: null }

/** Its figures are of trades that are stored and read, which others do: 0 would say that nothing comes. */
const COUNTS_NOTHING = { tradesPerSecond: null, lagRecords: null }

async function statusz(observed: Observed, pod: KubeObject): Promise<Said> {
  try {
    const said = await throughPod(observed, { pod, port: HTTP_PORT }, (address) => askJson(`${address}/statusz`))
    return said === null ? SILENT : read(said)
  } catch (error) {
    // What keeps us from asking, and will tomorrow, says nothing about the pod.
    const isOurs = error instanceof StockpipeError && !error.retryable
    return isOurs ? { ...SILENT, notReady: [`it cannot be asked: ${error.why ?? error.message}`] } : SILENT
  }
}

const read = (said: unknown): Said => ({
  version: textAt(said, 'version'),
  notReady: listAt(said, 'health')
    .filter((part) => at(part, 'ready') === false)
    .map((part) => `${textAt(part, 'component')}: ${textAt(part, 'reason')}`),
  tradesPerSecond: numberOrNull(at(said, 'trades_per_second')),
  lagRecords: numberOrNull(at(said, 'lag_records')),
})

const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null)

async function newestTradeAge(observed: Observed): Promise<number | null> {
  const pod = (await podsOfPart(observed, 'api')).find(isReady)
  if (pod === undefined) return null
  try {
    const said = await throughPod(observed, { pod, port: HTTP_PORT }, (address) => askJson(`${address}/v1/latest`))
    const newest = Math.max(0, ...listAt(said, 'data').map((row) => numberAt(row, 'trade_ts')))
    return newest === 0 ? null : observed.clock.now() - newest
  } catch {
    return null
  }
}
