/** An installation with a pod of each part, and a cluster that says what its pods say. */
import { once } from 'node:events'

import { StockpipeError } from '../../errors.ts'
import type { ClusterSession, ForwardTarget, PodLog } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { object } from '../rollout/rollout.fixture.ts'

const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
export const running = (app: string, ready = true, name = `${app}-0`): KubeObject =>
  object(
    'Pod',
    name,
    {
      spec: { containers: [{ name: 'main' }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
        containerStatuses: [{ name: 'main', restartCount: 0 }],
      },
    },
    { labels: { app } },
  )
export const workload = (kind: string, app: string): KubeObject =>
  object(
    kind,
    app,
    {
      spec: { replicas: 1, selector: { matchLabels: { app } } },
      status: { observedGeneration: 1, replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 },
    },
    { labels },
  )

export const FORBIDDEN = new StockpipeError('forbidden', 'cannot', { why: 'dev may not do that', mendable: true })

export const PIPELINE = [
  workload('StatefulSet', 'kafka'),
  workload('Deployment', 'stockpipe-processor'),
  workload('Deployment', 'stockpipe-api'),
  running('kafka'),
  running('stockpipe-processor'),
  running('stockpipe-api'),
]

export interface Reached extends Pick<ClusterSession, 'may' | 'logs' | 'forward'> {
  forwarded: ForwardTarget[]
  asked: PodLog[]
}

/** Every log says `lines`, and every port of a pod is this one. */
export function reaching(lines: (log: PodLog) => readonly string[] = () => ['a line'], port = 0): Reached {
  const self: Reached = {
    forwarded: [],
    asked: [],
    may: () => Promise.resolve(true),
    forward: (target) => {
      self.forwarded.push(target)
      return Promise.resolve({ port })
    },
    async *logs(log, signal) {
      self.asked.push(log)
      yield* lines(log)
      if (log.follow && !signal.aborted) await once(signal, 'abort')
    },
  }
  return self
}
