import type { PodLog } from '../cluster.ts'
import type { Connection } from './connection.ts'
import { linesOf } from './lines.ts'

/** By fetch: the library's own reader ends the whole process when a log that is followed is let go. */
export async function* readLog({ send }: Connection, pod: PodLog, signal: AbortSignal): AsyncGenerator<string> {
  const { namespace, container, follow, tail, previous = false } = pod
  const query = new URLSearchParams({
    container,
    ...(follow ? { follow: 'true' } : {}),
    ...(tail === null ? {} : { tailLines: String(tail) }),
    ...(previous ? { previous: 'true' } : {}),
  })
  const asked = {
    what: `read the log of ${container} in Pod ${namespace}/${pod.pod}`,
    right: { verb: 'get', group: '', resource: 'pods/log', namespace },
  }
  const path = `/api/v1/namespaces/${namespace}/pods/${pod.pod}/log?${query.toString()}`
  const left = new AbortController()
  try {
    const answer = await send({ asked, path, stream: true, signal: AbortSignal.any([signal, left.signal]) })
    yield* linesOf(answer.body)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    left.abort()
  }
}
