/** On which nodes pods may run: by their taints and labels, as the scheduler asks first of all. */
import { at, listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { isWorkload, type PodSpec } from '../pod.ts'

/** Why none of the pods may run on a node, in words; null where one may. */
export function barOf(node: KubeObject, objects: readonly KubeObject[]): string | null {
  const bars = objects.filter(isWorkload).map(({ spec }) => barFor(spec.template.spec, node))
  return bars.some((bar) => bar === null) ? null : (bars[0] ?? null)
}

function barFor(pod: PodSpec, node: KubeObject): string | null {
  const taint = listAt(node, 'spec', 'taints').find((its) => isHard(its) && !isTolerated(its, pod))
  if (taint !== undefined) return `with the taint ${taintWords(taint)}`
  const lacking = Object.entries((pod['nodeSelector'] ?? {}) as Readonly<Record<string, string>>).find(
    ([name, value]) => node.metadata.labels?.[name] !== value,
  )
  return lacking === undefined ? null : `without the label ${lacking.join('=')}`
}

const isHard = (taint: unknown): boolean => ['NoSchedule', 'NoExecute'].includes(textAt(taint, 'effect'))

const isTolerated = (taint: unknown, pod: PodSpec): boolean =>
  listAt(pod, 'tolerations').some((toleration) => tolerates(toleration, taint))

/** A toleration without a key takes every one, without an effect every effect. */
function tolerates(toleration: unknown, taint: unknown): boolean {
  const [key, effect] = [textAt(toleration, 'key'), textAt(toleration, 'effect')]
  if (effect !== '' && effect !== textAt(taint, 'effect')) return false
  if (key !== '' && key !== textAt(taint, 'key')) return false
  if (at(toleration, 'operator') === 'Exists') return true
  return key !== '' && textAt(toleration, 'value') === textAt(taint, 'value')
}

function taintWords(taint: unknown): string {
  const value = textAt(taint, 'value')
  return `${textAt(taint, 'key')}${value === '' ? '' : `=${value}`}:${textAt(taint, 'effect')}`
}
