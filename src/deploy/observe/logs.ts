/** `deploy logs`: what the containers of some parts write, each line with its pod. */
import type { Clock } from '../../clock.ts'
import type { ClusterSession, PodLog } from '../cluster.ts'
import { listAt, numberAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { containersOf, type Part, type Place, podsOfPart } from './workloads.ts'

/** Pods come and go while we follow. */
const LOOK_EVERY_MS = 2_000

export interface LogsOptions extends Place {
  session: Pick<ClusterSession, 'logs'>
  clock: Clock
  parts: readonly Part[]
  follow: boolean
  /** How many of the last lines of each container; null: all. */
  tail: number | null
  signal: AbortSignal
  /** Resolves when the line is written, which makes the sender wait. */
  print: (line: string) => Promise<void>
}

/** Resolves to the number of containers that were read. With `follow` it ends when the signal aborts. */
export async function printLogs(options: LogsOptions): Promise<number> {
  const started = new Map<string, Promise<void>>()
  for (let isFirstLook = true; ; isFirstLook = false) {
    for (const log of await logsOf(options)) {
      const key = `${log.pod}/${log.container}/${log.life}`
      // Of a container that comes while we follow, everything is new.
      const tail = isFirstLook ? options.tail : null
      if (!started.has(key))
        started.set(
          key,
          read({ ...log, tail }, options, () => started.delete(key)),
        )
    }
    if (!options.follow) break
    await options.clock.sleep(LOOK_EVERY_MS, options.signal)
    if (options.signal.aborted) break
  }
  await Promise.all(started.values())
  return started.size
}

/** A container that begins anew has a log anew. */
interface ContainerLog extends PodLog {
  life: number
}

async function logsOf({ follow, tail, ...options }: LogsOptions): Promise<ContainerLog[]> {
  const pods = (await Promise.all(options.parts.map((part) => podsOfPart(options, part)))).flat()
  const log = (pod: KubeObject, container: string): ContainerLog => ({
    namespace: options.namespace,
    pod: pod.metadata.name,
    container,
    follow,
    tail,
    life: restartsOf(pod, container),
  })
  return pods.flatMap((pod) => containersOf(pod).map((container) => log(pod, container)))
}

function restartsOf(pod: KubeObject, container: string): number {
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')]
  return numberAt(
    statuses.find((status) => textAt(status, 'name') === container),
    'restartCount',
  )
}

/** A container that has not begun has no log: it is asked again later when we follow, and left out when not. */
async function read(
  log: ContainerLog,
  { session, signal, print, follow }: LogsOptions,
  again: () => void,
): Promise<void> {
  try {
    for await (const line of session.logs(log, signal)) await print(`${log.pod} ${log.container}  ${line}`)
  } catch {
    if (follow && !signal.aborted) again()
  }
}
