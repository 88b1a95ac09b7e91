import { type Finding, fail, ok, warn } from '../../finding.ts'
import { listAt, textAt } from '../fields.ts'
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

/** Whether a condition of a node says yes. */
export const isTrue = (object: unknown, type: string): boolean =>
  listAt(object, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
  )
