import { type Finding, fail, ok, warn } from '../../finding.ts'
import { at, listAt, textAt } from '../fields.ts'
import { bytesWords, cpuWords, parseQuantity } from '../quantity.ts'
import { requestsOf, totalOf } from '../requests.ts'
import type { Examined } from './check.ts'

const ENFORCE = 'pod-security.kubernetes.io/enforce'

/** A namespace that is there may be on its way out, or somebody else's. */
export async function checkNamespace({ cluster, objects, namespace }: Examined): Promise<Finding[]> {
  const found = await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace, namespace: null })
  if (found === null) return [ok('namespace', `${namespace} will be made`)]
  if (textAt(found, 'status', 'phase') === 'Terminating')
    return [
      fail(
        'namespace',
        `${namespace} is being deleted`,
        `wait until it is gone: kubectl wait --for=delete namespace/${namespace}`,
      ),
    ]
  const isOurs = found.metadata.labels?.['app.kubernetes.io/part-of'] === 'stockpipe'
  const enforced = found.metadata.labels?.[ENFORCE]
  const wanted = objects.find(({ kind }) => kind === 'Namespace')?.metadata.labels?.[ENFORCE]
  if (isOurs || enforced === wanted)
    return [ok('namespace', `${namespace} is there, pod security ${enforced ?? 'not enforced'}`)]
  const words = `${namespace} is there and not of stockpipe; its pod security becomes ${wanted ?? 'open'}`
  return [warn('namespace', words, 'use a namespace of its own: --namespace NAME')]
}

const QUOTAS = { 'requests.cpu': 'cpu', cpu: 'cpu', 'requests.memory': 'memory', memory: 'memory' } as const

/** What of each quota is left must hold what is asked for, less what of ours runs already and counts as used. */
export async function checkQuota({ cluster, objects, namespace }: Examined): Promise<Finding[]> {
  const quotas = await cluster.list({ apiVersion: 'v1', kind: 'ResourceQuota', namespace })
  if (quotas.length === 0) return [ok('quota', 'none')]
  const isRunning = (await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace })).length > 0
  const asked = totalOf(requestsOf(objects))
  const short = quotas.flatMap((quota) =>
    Object.entries(QUOTAS).flatMap(([name, amount]) => {
      const hard = at(quota, 'status', 'hard', name) ?? at(quota, 'spec', 'hard', name)
      if (typeof hard !== 'string') return []
      const used = isRunning ? 0 : parseQuantity(textAt(quota, 'status', 'used', name) || '0')
      const left = parseQuantity(hard) - used
      const words = amount === 'cpu' ? cpuWords : bytesWords
      return left >= asked[amount] ? [] : [`${quota.metadata.name}: ${name} ${words(left)} of ${words(asked[amount])}`]
    }),
  )
  if (short.length > 0)
    return [fail('quota', `too small: ${short.join(', ')}`, 'raise the quota, or ask for less by --set')]
  return [ok('quota', `${quotas.map(({ metadata }) => metadata.name).join(', ')}: enough`)]
}

/** Whether a condition of a node says yes. */
export const isTrue = (object: unknown, type: string): boolean =>
  listAt(object, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
  )
