/** What a kind's objects are, and what becomes of them. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { KubeObject } from '../object.ts'
import type { Connection } from './connection.ts'
import { linesOf } from './lines.ts'
import { listAll, type ListOf } from './list.ts'

export interface WatchOptions {
  list: ListOf
  clock: Pick<Clock, 'sleep'>
  random: () => number
  signal: AbortSignal
}

/** The server ends a watch after this time, and we list again: a connection that died in silence costs no more. */
const WATCH_S = 30
const GRACE_S = 10
const PAUSE_MS = 1_000

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: KubeObject
}

export async function* watchAll(connection: Connection, options: WatchOptions): AsyncGenerator<readonly KubeObject[]> {
  const { signal, list, clock, random } = options
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await listAll(connection, list, signal)
      const known = new Map(items.map((item) => [item.metadata['uid'], item]))
      yield [...known.values()]
      for await (const event of events(connection, resourceVersion, options)) {
        if (event.type === 'ERROR') break
        if (event.type === 'BOOKMARK') continue
        if (event.type === 'DELETED') known.delete(event.object.metadata['uid'])
        else known.set(event.object.metadata['uid'], { ...event.object, ...list.kind })
        yield [...known.values()]
      }
    } catch (error) {
      if (signal.aborted) return
      // What is no answer of the cluster is a connection that broke.
      if (error instanceof StockpipeError && !error.retryable) throw error
      await clock.sleep(PAUSE_MS / 2 + (random() * PAUSE_MS) / 2, signal)
    }
  }
}

async function* events(
  { send }: Connection,
  resourceVersion: string,
  { list, signal }: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const query = new URLSearchParams({
    ...list.query,
    watch: 'true',
    resourceVersion,
    timeoutSeconds: String(WATCH_S),
    allowWatchBookmarks: 'true',
  })
  const left = new AbortController()
  const end = AbortSignal.any([signal, left.signal, AbortSignal.timeout((WATCH_S + GRACE_S) * 1_000)])
  try {
    const asked = { what: `watch ${list.what}`, right: list.right('watch') }
    const answer = await send({ asked, path: `${list.path}?${query.toString()}`, stream: true, signal: end })
    for await (const line of linesOf(answer.body)) if (line.trim() !== '') yield JSON.parse(line) as WatchEvent
  } finally {
    left.abort()
  }
}
