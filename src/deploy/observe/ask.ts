/** HTTP to a pod, through the API server. */
import type { ClusterSession } from '../cluster.ts'
import type { KubeObject } from '../object.ts'

const PATIENCE_MS = 10_000

/** What a question needs. */
export interface Asking {
  session: Pick<ClusterSession, 'forward'>
  namespace: string
}

/** Calls `work` with the address of a port of the pod, which is closed again afterwards. */
export async function throughPod<T>(
  { session, namespace }: Asking,
  { pod, port }: { pod: KubeObject; port: number },
  work: (address: string) => Promise<T>,
): Promise<T> {
  const end = new AbortController()
  try {
    const { port: local } = await session.forward({ namespace, pod: pod.metadata.name, port }, end.signal)
    return await work(`http://127.0.0.1:${local}`)
  } finally {
    end.abort()
  }
}

/** JSON of a path, whatever its status; null where there is no answer in time or it is no JSON. */
export async function askJson(url: string, headers: Record<string, string> = {}): Promise<unknown> {
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE_MS) })
    return await answer.json()
  } catch {
    return null
  }
}
