/** A Kubernetes object as it stands in YAML: plain JSON. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    [field: string]: unknown
  }
  [field: string]: unknown
}

/** What tells one object from every other of a cluster. */
export interface ObjectRef {
  apiVersion: string
  kind: string
  name: string
  /** Null: of the cluster, not of a namespace. */
  namespace: string | null
}

export const refOf = ({ apiVersion, kind, metadata }: KubeObject): ObjectRef => ({
  apiVersion,
  kind,
  name: metadata.name,
  namespace: metadata.namespace ?? null,
})

/** As people write it: `StatefulSet pipeline/kafka`. */
export const wordsOf = ({ kind, name, namespace }: ObjectRef): string =>
  `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`

/** For programs: with its words. */
export const namedRef = (ref: ObjectRef): ObjectRef & { object: string } => ({ object: wordsOf(ref), ...ref })
