import type { KubeConfig } from '@kubernetes/client-node'

import type { Clock } from '../../clock.ts'
import type { Right } from '../cluster.ts'

/** What was asked of the cluster, for the words of its refusal. */
export interface Asked {
  /** Completes "cannot": `apply StatefulSet pipeline/kafka`. */
  what: string
  right: Right
}

/** Of whom. */
export interface Place {
  context: string
  server: string
  config: KubeConfig
  clock: Pick<Clock, 'now'>
  asked: Asked
}

/** As people write it in a Role. */
export function ruleFor({ verb, group, resource, name }: Right): string {
  const names = name === undefined ? '' : `, resourceNames: [${name}]`
  return `{ apiGroups: [${group === '' ? '""' : group}], resources: [${resource}], verbs: [${verb}]${names} }`
}
