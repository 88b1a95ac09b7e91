/**
 * Lays a patch over an object as `kubectl kustomize` does with ours: maps are merged, null takes a key away, lists of
 * named things are merged by what tells their items apart, every other list is replaced.
 */

type Json = Record<string, unknown>
export const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What tells the items of a list apart, by the name of the list. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
}

/** Neither argument is changed. */
export function patched<T extends object>(target: T, patch: object): T {
  return merged(target as Json, patch as Json) as T
}

function merged(target: Json, patch: Json): Json {
  // By entries, so that a key is a key, whatever JavaScript means by its name.
  const result = new Map(Object.entries(target))
  for (const [key, wanted] of Object.entries(patch)) {
    const present = result.get(key)
    if (wanted === null) result.delete(key)
    else if (isMap(wanted)) result.set(key, merged(isMap(present) ? present : {}, wanted))
    else if (Array.isArray(wanted)) result.set(key, mergedList(key, Array.isArray(present) ? present : [], wanted))
    else result.set(key, wanted)
  }
  return Object.fromEntries(result)
}

function mergedList(name: string, present: readonly unknown[], wanted: readonly unknown[]): unknown[] {
  const keys = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined
  if (keys === undefined) return [...wanted]
  const isSame = (a: Json) => (b: unknown) => isMap(b) && keys.every((key) => a[key] === b[key])
  let result = [...present]
  for (const item of wanted.filter(isMap)) {
    const index = result.findIndex(isSame(item))
    if (item['$patch'] === 'delete') result = result.filter((_, place) => place !== index)
    else if (index < 0) result.push(item)
    else result[index] = merged(result[index] as Json, item)
  }
  return result
}
