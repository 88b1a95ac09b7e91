/** In what order objects come: whoever needs others comes after them. */
import type { KubeObject } from './object.ts'

/** One wave is ready before the next begins. */
export const WAVES = ['ground', 'servers', 'setup', 'roles', 'views'] as const
export type Wave = (typeof WAVES)[number]

const KIND_ORDER = [
  'Namespace',
  'ServiceAccount',
  'ConfigMap',
  'Secret',
  'NetworkPolicy',
  'PersistentVolumeClaim',
  'Service',
  'StatefulSet',
  'Job',
  'Deployment',
]
const VIEWS = new Set(['dashboards', 'ui'])
const SERVERS = new Set(['log', 'store'])
const GROUND = new Set(['Namespace', 'ServiceAccount', 'ConfigMap', 'Secret', 'NetworkPolicy'])

export function waveOf({ kind, metadata }: KubeObject): Wave {
  const component = metadata.labels?.['app.kubernetes.io/component'] ?? ''
  if (GROUND.has(kind)) return 'ground'
  if (SERVERS.has(component)) return 'servers'
  if (component === 'setup') return 'setup'
  return VIEWS.has(component) ? 'views' : 'roles'
}

/** Kinds without a place of their own come last in their wave; ties stay as they are. */
export function inOrder(objects: readonly KubeObject[]): KubeObject[] {
  const rank = (object: KubeObject) => {
    const place = KIND_ORDER.indexOf(object.kind)
    return WAVES.indexOf(waveOf(object)) * 100 + (place < 0 ? KIND_ORDER.length : place)
  }
  return objects.toSorted((a, b) => rank(a) - rank(b))
}
