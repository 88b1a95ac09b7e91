/** A Kubernetes cluster as deploy sees it. The only implementation that talks to one is cluster/kubernetes.ts. */
import type { LogPlace } from './log-place.ts'
import type { KubeObject, ObjectRef } from './object.ts'

/** Which cluster this is, for people and for the check that it is still the same one. */
export interface ClusterIdentity {
  context: string
  server: string
  /** uid of the namespace kube-system: lives as long as the cluster. Null where we may not read it. */
  uid: string | null
  /** As in `1.34.4`. */
  version: string
}

export interface ApplyOptions {
  /** Nothing is stored; the answer is what would be. */
  dryRun: boolean
  /** Takes fields that another manager owns. */
  force: boolean
}

export interface RemoveOptions {
  /** Dependents stay. */
  orphan?: boolean
  /** Nothing goes; the server only judges whether it would. */
  dryRun?: boolean
  /** It would be left behind: goes on for some seconds when everything else is interrupted. */
  isCleanup?: boolean
}

export interface ListQuery {
  apiVersion: string
  kind: string
  namespace?: string
  labels?: Readonly<Record<string, string>>
}

/** What a right is asked for. `resource` is the plural, `name` narrows it to one object. */
export interface Right {
  verb: string
  group: string
  resource: string
  namespace: string | null
  name?: string
}

/**
 * Reads and writes objects. Every error is a StockpipeError that says what was asked of which object: `forbidden` (and
 * which right is missing), `conflict`, `immutable`, `quota`, `missing-kind`, `refused` for every other no, `auth`,
 * `unreachable`, `not-ready` also for what was interrupted. What may pass by itself was tried again, for some seconds,
 * before it became one.
 */
export interface Cluster {
  identity(): Promise<ClusterIdentity>
  /** Null where there is none, also where its kind is unknown to the cluster. */
  get(ref: ObjectRef): Promise<KubeObject | null>
  list(query: ListQuery): Promise<KubeObject[]>
  /**
   * Server-side apply as field manager `stockpipe`; resolves to the object as the server has it. Fields that another
   * manager owns: an error `conflict` that names each field and manager.
   */
  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject>
  /** Resolves when the server took the wish; a missing object is no error. */
  remove(ref: ObjectRef, options?: RemoveOptions): Promise<void>
}

/** What else deploy asks of a cluster, apart from objects. */
export interface ClusterSession {
  /** Whether the cluster would let us, by SelfSubjectAccessReview. */
  may(right: Right): Promise<boolean>
  /**
   * The objects as they are, and all of them again after every change. A lost connection is opened anew and they are
   * listed again, so that a state may be told twice. Ends when `signal` aborts; throws what will not pass by itself.
   */
  watch(query: ListQuery, signal: AbortSignal): AsyncIterable<readonly KubeObject[]>
  /** Lines of a container's log. Ends when `signal` aborts, and when the log ends, or somebody in between says so. */
  logs(pod: PodLog, signal: AbortSignal): AsyncIterable<string>
  /** Listens on a free loopback port (or `localPort`) and carries every connection to the pod. */
  forward(target: ForwardTarget, signal: AbortSignal): Promise<{ port: number }>
}

export interface PodLog {
  namespace: string
  pod: string
  container: string
  follow: boolean
  /** How many of the last lines; null: all. */
  tail: number | null
  /** Of the container before its last restart. */
  previous?: boolean
  /**
   * Lines that it has read are not given again, and it is told those that are; `tail` counts only for the first. Where
   * it follows, a last line that has no end yet is left for when it is read on.
   */
  place?: LogPlace
}

export interface ForwardTarget {
  namespace: string
  pod: string
  port: number
  localPort?: number
}
