import { listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { isWorkload } from '../pod.ts'

/** Scopes of pods that ours are: they ask for something, and have no end. */
const OURS = ['NotTerminating', 'NotBestEffort']

/** Whether a quota limits what our pods take; one without scopes does. */
export function limitsOurs(quota: KubeObject, objects: readonly KubeObject[]): boolean {
  const classes = objects.filter(isWorkload).map(({ spec }) => textAt(spec, 'template', 'spec', 'priorityClassName'))
  const scopes = listAt(quota, 'spec', 'scopes').map((scopeName) => ({ scopeName, operator: 'Exists' }))
  return [...scopes, ...listAt(quota, 'spec', 'scopeSelector', 'matchExpressions')].every((scope) => {
    const name = textAt(scope, 'scopeName')
    return name === 'PriorityClass' ? hasClass(scope, classes[0] ?? '') : OURS.includes(name)
  })
}

function hasClass(scope: unknown, name: string): boolean {
  const isNamed = listAt(scope, 'values').includes(name)
  switch (textAt(scope, 'operator')) {
    case 'In':
      return isNamed
    case 'NotIn':
      return !isNamed
    case 'Exists':
      return name !== ''
    default:
      return name === ''
  }
}
