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
}

export interface Kubernetes extends Cluster, ClusterSession {}

/** Reads the kubeconfig; the cluster itself is asked by the first call. Throws `config` where there is no way to it. */
export function openKubernetes(options: KubernetesOptions): Kubernetes {
  const { announce, secrets = new Secrets(), clock = systemClock, random = Math.random } = options
  const config = readKubeconfig(options, { env: process.env, home: homedir(), tokenFile: IN_POD })
  const connection = openConnection({ config, clock, random, announce, secrets })
  const resources = discoveredResources(connection)
  return { ...objectsOf(connection, resources), ...sessionOf(connection, { resources, clock, random }) }
}

interface SessionParts {
  resources: Resources
  clock: Clock
  random: () => number
}

function sessionOf(connection: Connection, { resources, clock, random }: SessionParts): ClusterSession {
  return {
    may: (right) => mayWe(connection, right),
    async *watch(query, signal) {
      yield* watchAll(connection, { list: await listOf(resources, query), clock, random, signal })
    },
    logs: (pod, signal) => readLog(connection, pod, signal),
    forward: (target, signal) => forwardPort(connection, target, signal),
  }
}
