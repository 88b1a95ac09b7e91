/** The cluster of a kubeconfig. The files of this folder are the only ones that know @kubernetes/client-node. */
import { homedir } from 'node:os'

import { systemClock, type Clock } from '../../clock.ts'
import { Secrets } from '../../secrets.ts'
import type { Cluster, ClusterSession } from '../cluster.ts'
import { openConnection, type Connection } from './connection.ts'
import { forwardPort } from './forward.ts'
import { IN_POD, readKubeconfig, type Wanted } from './kubeconfig.ts'
import { readLog } from './logs.ts'
import { mayWe } from './may.ts'
import { listOf, objectsOf } from './objects.ts'
import { discoveredResources, type Resources } from './resources.ts'
import { watchAll } from './watch.ts'

export interface KubernetesOptions extends Wanted {
  /** Told what may take a while or ask the person something: one line. */
  announce: (line: string) => void
  /** Told of our credentials. */
  secrets?: Secrets
  clock?: Clock
  random?: () => number
  /** Ends whatever waits for the cluster, with an error that says so; what goes on until its own signal ends quietly. */
  signal?: AbortSignal
}

export interface Kubernetes extends Cluster, ClusterSession {}

/** Reads the kubeconfig; the cluster itself is asked by the first call. Throws `config` where there is no way to it. */
export function openKubernetes(options: KubernetesOptions): Kubernetes {
  const { announce, secrets = new Secrets(), clock = systemClock, random = Math.random, signal } = options
  const config = readKubeconfig(options, { env: process.env, home: homedir(), tokenFile: IN_POD })
  const connection = openConnection({ config, clock, random, announce, secrets, signal })
  const resources = discoveredResources(connection)
  return { ...objectsOf(connection, resources), ...sessionOf(connection, { resources, clock, random, signal }) }
}

interface SessionParts {
  resources: Resources
  clock: Clock
  random: () => number
  signal: AbortSignal | undefined
}

function sessionOf(connection: Connection, { resources, clock, random, signal }: SessionParts): ClusterSession {
  const either = (own: AbortSignal) => (signal === undefined ? own : AbortSignal.any([own, signal]))
  return {
    may: (right) => mayWe(connection, right),
    async *watch(query, own) {
      yield* watchAll(connection, { list: await listOf(resources, query), clock, random, signal: either(own) })
    },
    logs: (pod, own) => readLog(connection, pod, either(own)),
    forward: (target, own) => forwardPort(connection, target, either(own)),
  }
}
