/** `deploy bundle`: what somebody who is asked for help needs to see, without any secret. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Finding } from '../../finding.ts'
import { buildInfo } from '../../version.ts'
import type { Cluster, ClusterSession } from '../cluster.ts'
import { interrupted } from '../interrupted.ts'
import type { KubeObject } from '../object.ts'
import { secretsIn } from '../secrets.ts'
import type { Secrets } from '../../secrets.ts'
import { wordsOf } from '../probe/tried.ts'
import { throughPod } from './ask.ts'
import { statusOf } from './status.ts'
import { containersOf, podsOfPart } from './workloads.ts'

const KINDS = [
  ['v1', 'ConfigMap'],
  ['v1', 'Secret'],
  ['v1', 'Service'],
  ['v1', 'Pod'],
  ['v1', 'PersistentVolumeClaim'],
  ['v1', 'Event'],
  ['v1', 'ResourceQuota'],
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'ReplicaSet'],
  ['apps/v1', 'StatefulSet'],
  ['batch/v1', 'Job'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
] as const

const LOG_LINES = 5_000
const HTTP_PORT = 8080
const HIDDEN = '[redacted]'

export interface Bundled {
  cluster: Cluster
  session: Pick<ClusterSession, 'logs' | 'forward'>
  clock: Clock
  namespace: string
  /** What `deploy check` found. */
  findings: readonly Finding[]
  signal: AbortSignal
}

/** Files by name, each without a secret. What cannot be read is told in its place. */
export async function bundle({ secrets, ...bundled }: Bundled & { secrets: Secrets }): Promise<Record<string, string>> {
  const lists = await Promise.all(KINDS.map(([apiVersion, kind]) => listed(bundled, apiVersion, kind)))
  const objects = lists.flatMap(({ objects }) => objects)
  secrets.add(...secretsIn(objects))
  const data = (value: unknown) => json(secrets.hideIn(value))
  const files: Record<string, string> = {
    'version.json': data(buildInfo()),
    'check.json': data(bundled.findings),
    'status.json': data(await statusOf(bundled).catch(told)),
  }
  for (const { kind, objects, error } of lists)
    files[`objects/${kind}.json`] = error === null ? data(objects.map(masked)) : secrets.hide(`${error}\n`)
  const pods = objects.filter(({ kind }) => kind === 'Pod')
  const texts = [...(await Promise.all(pods.map((pod) => logFiles(bundled, pod)))), await metrics(bundled)]
  for (const [name, text] of texts.flatMap((some) => Object.entries(some))) files[name] = secrets.hide(text)
  // Every place of it would say so, and nothing else.
  if (bundled.signal.aborted) throw interrupted()
  return files
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
const told = (error: unknown): { error: string } => ({ error: error instanceof Error ? error.message : String(error) })

interface Listed {
  kind: string
  objects: KubeObject[]
  error: string | null
}

async function listed({ cluster, namespace }: Bundled, apiVersion: string, kind: string): Promise<Listed> {
  try {
    return { kind, objects: await cluster.list({ apiVersion, kind, namespace }), error: null }
  } catch (error) {
    return { kind, objects: [], error: told(error).error }
  }
}

/** A secret with its keys and without their values. */
export function masked(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret') return object
  const hidden = (data: unknown) =>
    typeof data === 'object' && data !== null ? Object.fromEntries(Object.keys(data).map((key) => [key, HIDDEN])) : data
  return { ...object, data: hidden(object['data']), stringData: hidden(object['stringData']) }
}

async function logFiles({ session, namespace }: Bundled, pod: KubeObject): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const container of containersOf(pod)) {
    for (const previous of [false, true]) {
      const asked = { namespace, pod: pod.metadata.name, container, follow: false, tail: LOG_LINES, previous }
      const text = await collect(session.logs(asked, AbortSignal.timeout(60_000)))
      if (text !== null) files[`logs/${pod.metadata.name}/${container}${previous ? '.previous' : ''}.log`] = text
    }
  }
  return files
}

/** Null where there is no such log: most containers have only one life. A missing right is told in its place. */
async function collect(lines: AsyncIterable<string>): Promise<string | null> {
  try {
    const all: string[] = []
    for await (const line of lines) all.push(line)
    return all.length === 0 ? null : `${all.join('\n')}\n`
  } catch (error) {
    return error instanceof StockpipeError && error.code === 'forbidden' ? `${wordsOf(error)}\n` : null
  }
}

async function metrics(bundled: Bundled): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const role of ['producer', 'processor', 'api'] as const) {
    for (const pod of await podsOfPart(bundled, role).catch(() => [])) {
      const text = await throughPod(bundled, { pod, port: HTTP_PORT }, async (address) =>
        (await fetch(`${address}/metrics`, { signal: AbortSignal.timeout(10_000) })).text(),
      ).catch(() => null)
      if (text !== null) files[`metrics/${pod.metadata.name}.txt`] = text
    }
  }
  return files
}
