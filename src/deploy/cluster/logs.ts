import { StockpipeError } from '../../errors.ts'
import type { PodLog } from '../cluster.ts'
import type { Connection } from './connection.ts'
import { linesOf } from './lines.ts'

/** By fetch: the library's own reader ends the whole process when a log that is followed is let go. */
export async function* readLog(
  { send }: Pick<Connection, 'send'>,
  log: PodLog,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { namespace, container, pod, place, tail } = log
  const what = `read the log of ${container} in Pod ${namespace}/${pod}`
  const asked = { what, right: { verb: 'get', group: '', resource: 'pods/log', namespace } }
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?${queryOf(log).toString()}`
  const left = new AbortController()
  place?.begin()
  try {
    const answer = await send({ asked, path, stream: true, signal: AbortSignal.any([signal, left.signal]) })
    if (tail === 0) place?.skipUntil(Date.parse(answer.headers.get('date') ?? ''))
    for await (const line of linesOf(answer.body, (last) => !comesAgain(last, log))) {
      const text = place === undefined ? line : place.take(line)
      if (text !== null) yield text
    }
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof StockpipeError ? error : cut(what, error)
  } finally {
    left.abort()
  }
}

/** Of a log that is read on, what was torn: counted as read, it would hide the whole line. What a node says begins with no time. */
const comesAgain = (last: string, { follow, place }: PodLog): boolean =>
  follow && place !== undefined && /^\d/.test(last)

function queryOf({ container, follow, tail, place, previous = false }: PodLog): URLSearchParams {
  const since = place?.since ?? null
  return new URLSearchParams({
    container,
    ...(follow ? { follow: 'true' } : {}),
    ...(previous ? { previous: 'true' } : {}),
    ...(place === undefined ? {} : { timestamps: 'true' }),
    ...(since !== null ? { sinceTime: since } : tail === null ? {} : { tailLines: String(tail) }),
  })
}

const cut = (what: string, cause: unknown): StockpipeError =>
  new StockpipeError('unreachable', `the cluster ended the connection: cannot ${what}`, { retryable: true, cause })
