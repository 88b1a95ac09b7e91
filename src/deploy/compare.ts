/** Objects without what only the server or somebody else writes, and without secrets. */
import { FIELD_MANAGER } from './cluster/manager.ts'
import { at, listAt, textAt } from './fields.ts'
import type { KubeObject } from './object.ts'

const SERVERS = ['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp', 'selfLink']
/** Holds the whole object once more, secrets and all. */
const KUBECTL = 'kubectl.kubernetes.io/last-applied-configuration'

/** What of an object can differ because of us. */
export function essence(object: KubeObject): KubeObject {
  const { metadata } = object
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => name !== KUBECTL)
  const kept = Object.entries(metadata).filter(([name]) => !SERVERS.includes(name) && name !== 'annotations')
  const { status: _status, ...rest } = object
  return {
    ...rest,
    metadata: {
      ...(Object.fromEntries(kept) as KubeObject['metadata']),
      ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    },
  }
}

export const isSame = (a: KubeObject, b: KubeObject): boolean => Bun.deepEquals(essence(a), essence(b))

/** Whether we applied it before: what others made alike is not ours yet. */
export const isOurs = (live: KubeObject): boolean =>
  listAt(live, 'metadata', 'managedFields').some((entry) => textAt(entry, 'manager') === FIELD_MANAGER)

const HIDDEN = '(hidden)'
const CHANGED = '(hidden, another than before)'

/** Both with every secret value replaced; whether one changes can still be seen. */
export function masked(before: KubeObject | null, after: KubeObject | null): [KubeObject | null, KubeObject | null] {
  if ((before ?? after)?.kind !== 'Secret') return [before, after]
  return [before && hide(before, before), after && hide(after, before ?? after)]
}

function hide(object: KubeObject, former: KubeObject): KubeObject {
  const hidden = (field: string) =>
    Object.fromEntries(
      Object.entries((object[field] ?? {}) as Record<string, unknown>).map(([key, value]) => [
        key,
        at(former, field, key) === undefined || at(former, field, key) === value ? HIDDEN : CHANGED,
      ]),
    )
  return { ...object, ...fieldIf('data', object, hidden), ...fieldIf('stringData', object, hidden) }
}

const fieldIf = (field: string, object: KubeObject, value: (field: string) => object) =>
  object[field] === undefined ? {} : { [field]: value(field) }
