/** Whether what is asked for fits what others leave of the quotas of a namespace. */
import { type Finding, fail, ok } from '../../finding.ts'
import { at, listAt, numberAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { bytesWords, cpuWords, isEnough, parseQuantity } from '../quantity.ts'
import { podAmount, type PodRequest, requestsOf, totalOf } from '../requests.ts'
import { resourceOf } from '../rights.ts'
import type { Examined } from './check.ts'
import { limitsOurs } from './quota-scopes.ts'

const OURS = { 'app.kubernetes.io/part-of': 'stockpipe' }

/** How much, by the name that a quota has for it. */
type Uses = Readonly<Record<string, number>>

/** What runs of ours already is used, too, and makes place for itself. */
export async function checkQuota(examined: Examined): Promise<Finding[]> {
  const { cluster, objects, namespace } = examined
  const all = await cluster.list({ apiVersion: 'v1', kind: 'ResourceQuota', namespace })
  const quotas = all.filter((quota) => limitsOurs(quota, objects))
  if (quotas.length === 0) return [ok('quota', 'none')]
  const asked: Uses = { ...countsOf(objects), ...usesOf(requestsOf(objects), objects.flatMap(claimsOf)) }
  const ours = await usedByOurs(examined, new Set(quotas.flatMap((quota) => Object.keys(hardOf(quota)))))
  const short = quotas.flatMap((quota) =>
    Object.entries(hardOf(quota)).flatMap(([name, hard]) => {
      const wanted = asked[name] ?? 0
      if (wanted === 0) return []
      const others = parseQuantity(textAt(quota, 'status', 'used', name) || '0') - (ours[name] ?? 0)
      const left = Math.max(0, parseQuantity(hard) - Math.max(0, others))
      return isEnough(left, wanted)
        ? []
        : [`${quota.metadata.name}: ${name} ${words(name, left)} of ${words(name, wanted)}`]
    }),
  )
  if (short.length > 0)
    return [fail('quota', `too small: ${short.join(', ')}`, 'raise the quota, or ask for less by --set')]
  return [ok('quota', `${quotas.map(({ metadata }) => metadata.name).join(', ')}: enough`)]
}

const hardOf = (quota: KubeObject): Readonly<Record<string, string>> =>
  (at(quota, 'status', 'hard') ?? at(quota, 'spec', 'hard') ?? {}) as Readonly<Record<string, string>>

function words(name: string, amount: number): string {
  if (name.endsWith('cpu')) return cpuWords(amount)
  return /(memory|storage)$/.test(name) ? bytesWords(amount) : String(amount)
}

/** `claims` in bytes. */
function usesOf(pods: readonly PodRequest[], claims: readonly number[]): Uses {
  const requests = totalOf(pods)
  const limits = totalOf(pods.map((pod) => ({ ...pod, ...pod.limits })))
  const count = sum(pods.map((one) => one.pods))
  return {
    cpu: requests.cpu,
    memory: requests.memory,
    'requests.cpu': requests.cpu,
    'requests.memory': requests.memory,
    'limits.cpu': limits.cpu,
    'limits.memory': limits.memory,
    pods: count,
    'count/pods': count,
    persistentvolumeclaims: claims.length,
    'count/persistentvolumeclaims': claims.length,
    'requests.storage': sum(claims),
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** Those that stand alone, and one for each pod of a set. */
function claimsOf(object: KubeObject): number[] {
  if (object.kind === 'PersistentVolumeClaim') return [sizeOf(object)]
  const sizes = listAt(object, 'spec', 'volumeClaimTemplates').map(sizeOf)
  const pods = at(object, 'spec', 'replicas') === undefined ? 1 : numberAt(object, 'spec', 'replicas')
  return Array.from({ length: pods }, () => sizes).flat()
}

const sizeOf = (claim: unknown): number =>
  parseQuantity(textAt(claim, 'spec', 'resources', 'requests', 'storage') || '0')

/** `count/deployments.apps`; for some kinds of old there is a short name, too. */
function countNames({ kind }: KubeObject): string[] {
  const { group, plural } = resourceOf(kind)
  return group === '' ? [`count/${plural}`, plural] : [`count/${plural}.${group}`]
}

const counted = (objects: readonly KubeObject[]): readonly KubeObject[] =>
  objects.filter(({ kind }) => kind !== 'Namespace')

const countsOf = (objects: readonly KubeObject[]): Uses =>
  Object.fromEntries(
    [...Map.groupBy(counted(objects).flatMap(countNames), (name) => name)].map(([name, all]) => [name, all.length]),
  )

/** Of the counts only those that a quota names: each kind is a question to the cluster. */
async function usedByOurs({ cluster, objects, namespace }: Examined, names: ReadonlySet<string>): Promise<Uses> {
  const list = (apiVersion: string, kind: string) => cluster.list({ apiVersion, kind, namespace, labels: OURS })
  const kinds = new Map(counted(objects).map((object) => [object.kind, object]))
  const limited = [...kinds.values()].filter((object) => countNames(object).some((name) => names.has(name)))
  const [pods, claims, ...others] = await Promise.all([
    list('v1', 'Pod'),
    list('v1', 'PersistentVolumeClaim'),
    ...limited.map(({ apiVersion, kind }) => list(apiVersion, kind)),
  ])
  const running = pods.filter((pod) => !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase')))
  return { ...countsOf(others.flat()), ...usesOf(running.map(requestOf), claims.map(sizeOf)) }
}

const requestOf = (pod: KubeObject): PodRequest => ({ name: pod.metadata.name, pods: 1, ...podAmount(at(pod, 'spec')) })
