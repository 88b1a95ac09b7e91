/** An object as what stands at each of its places, so that each may have a manager of its own. */
import type { KubeObject } from '../object.ts'

/** A key of an object, or the name of an entry in a list whose entries have names. */
type Step = string | { name: string }
/** By the place, as JSON of its steps. */
export type Leaves = Map<string, unknown>

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isNamed = (value: unknown): value is { name: string }[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((entry) => isRecord(entry) && typeof entry['name'] === 'string')

/** Without what names the object. */
export function leavesOf({ apiVersion: _1, kind: _2, metadata, ...rest }: KubeObject): Leaves {
  const { name: _3, namespace: _4, ...meta } = metadata
  const leaves: Leaves = new Map()
  collect({ metadata: meta, ...rest }, [], leaves)
  return leaves
}

function collect(value: unknown, at: readonly Step[], leaves: Leaves): void {
  if (isRecord(value) && Object.keys(value).length > 0)
    for (const [key, inner] of Object.entries(value)) collect(inner, [...at, key], leaves)
  else if (isNamed(value)) for (const entry of value) collect(entry, [...at, { name: entry.name }], leaves)
  else if (at.length > 1 || !isRecord(value)) leaves.set(JSON.stringify(at), value)
}

/** As the server writes a place: `.spec.template.spec.containers[name="kafka"].image`. */
export const fieldOf = (place: string): string =>
  (JSON.parse(place) as Step[])
    .map((step) => (typeof step === 'string' ? `.${step}` : `[name=${JSON.stringify(step.name)}]`))
    .join('')

export function objectOf(leaves: Leaves): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const [place, value] of leaves) put(root, JSON.parse(place) as Step[], value)
  return root
}

function put(root: Record<string, unknown>, steps: readonly Step[], value: unknown): void {
  let here: unknown = root
  steps.forEach((step, i) => {
    const isLast = i === steps.length - 1
    const fresh = typeof steps[i + 1] === 'object' ? [] : {}
    if (typeof step === 'string') {
      const record = here as Record<string, unknown>
      if (isLast) record[step] = structuredClone(value)
      else record[step] ??= fresh
      here = record[step]
    } else {
      const list = here as { name: string }[]
      let entry = list.find(({ name }) => name === step.name)
      if (!entry) list.push((entry = { name: step.name }))
      here = entry
    }
  })
}
