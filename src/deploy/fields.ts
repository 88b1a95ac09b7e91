/** Reads what a server sent without believing it: a missing or odd field is an empty value, never an error. */
import type { KubeObject } from './object.ts'

type Path = readonly string[]

export function at(value: unknown, ...path: Path): unknown {
  let here = value
  for (const name of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<string, unknown>)[name]
  }
  return here
}

export const textAt = (value: unknown, ...path: Path): string => {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : ''
}

export const numberAt = (value: unknown, ...path: Path): number => {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : 0
}

export const listAt = (value: unknown, ...path: Path): readonly unknown[] => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** The condition of that type, when it has that status. */
export const condition = (object: unknown, type: string, status = 'True'): unknown =>
  listAt(object, 'status', 'conditions').find(
    (found) => textAt(found, 'type') === type && textAt(found, 'status') === status,
  )

/** Whether an object has every label of a selector; an empty selector selects nothing. */
export function isSelected(object: KubeObject, labels: unknown): boolean {
  if (typeof labels !== 'object' || labels === null) return false
  const wanted = Object.entries(labels)
  return wanted.length > 0 && wanted.every(([name, value]) => object.metadata.labels?.[name] === value)
}
