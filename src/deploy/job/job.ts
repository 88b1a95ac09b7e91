/** A Job that runs one command of stockpipe in the cluster, where Kafka and Cassandra can be reached. */
import { StockpipeError } from '../../errors.ts'
import { at, listAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'

export interface JobWish {
  /** Of this run: no two Jobs have the same. */
  name: string
  args: readonly string[]
  /** What is killed after so long (s). */
  deadlineSeconds: number
}

/** What a finished Job leaves behind goes by itself when nobody took it away. */
const KEPT_SECONDS = 3_600
/** As the network policies know it: what may reach the log, the store, the api and Grafana. */
const COMPONENT = 'check'

type Fields = Record<string, unknown>

/**
 * Takes image, settings, secrets and security from the installed api, so that the Job sees what the pipeline sees, with
 * rights to read only. Throws `internal` when that is no such Deployment.
 */
export function jobLike(api: KubeObject, { name, args, deadlineSeconds }: JobWish): KubeObject {
  const spec = at(api, 'spec', 'template', 'spec') as Fields | undefined
  const [container] = listAt(spec, 'containers') as Fields[]
  if (spec === undefined || container === undefined)
    throw new StockpipeError('internal', `Deployment ${api.metadata.name} has no container`)
  const labels = { ...api.metadata.labels, 'app.kubernetes.io/component': COMPONENT }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, ...(api.metadata.namespace === undefined ? {} : { namespace: api.metadata.namespace }), labels },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: deadlineSeconds,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: { metadata: { labels }, spec: { ...podSpec(spec), containers: [asJob(container, args)] } },
    },
  }
}

function podSpec(spec: Fields): Fields {
  const { topologySpreadConstraints: _spread, containers: _containers, ...rest } = spec
  return { ...rest, restartPolicy: 'Never' }
}

function asJob(container: Fields, args: readonly string[]): Fields {
  const { startupProbe: _s, readinessProbe: _r, livenessProbe: _l, ports: _p, ...rest } = container
  return { ...rest, name: COMPONENT, args: [...args] }
}
