/** How many pods there are, where an autoscaler is to say so from now on. */
import { FIELD_MANAGER } from './cluster/manager.ts'
import { at, listAt, textAt } from './fields.ts'
import type { KubeObject } from './object.ts'

/**
 * A number that we no longer apply is gone, and the server's default is one pod: all but one would end at once. So it
 * is applied as it is until the autoscaler has set it once, and is its own from then on.
 */
export function handedOver(wanted: KubeObject, live: KubeObject): KubeObject {
  const number = at(live, 'spec', 'replicas')
  const isLeftOut = wanted.kind === 'Deployment' && at(wanted, 'spec', 'replicas') === undefined
  if (!isLeftOut || number === undefined || !isOursAlone(live)) return wanted
  return { ...wanted, spec: { ...(wanted['spec'] as object), replicas: number } }
}

const isOursAlone = (live: KubeObject): boolean => {
  const owners = listAt(live, 'metadata', 'managedFields').filter(
    (entry) => at(entry, 'fieldsV1', 'f:spec', 'f:replicas') !== undefined,
  )
  return owners.length > 0 && owners.every((entry) => textAt(entry, 'manager') === FIELD_MANAGER)
}
