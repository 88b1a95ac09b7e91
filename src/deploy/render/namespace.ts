import type { KubeObject } from '../object.ts'
import type { Values } from '../values.ts'

/** The objects in the namespace that was asked for; names within it are relative, so nothing else changes. */
export const moved = (objects: readonly KubeObject[], { namespace }: Values): KubeObject[] =>
  objects.map((object) => {
    const { kind, metadata } = object
    if (kind === 'Namespace') return { ...object, metadata: { ...metadata, name: namespace } }
    return { ...object, metadata: { ...metadata, namespace } }
  })
