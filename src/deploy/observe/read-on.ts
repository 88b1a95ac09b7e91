import { StockpipeError } from '../../errors.ts'
import type { ClusterSession, PodLog } from '../cluster.ts'

export interface Reader {
  session: Pick<ClusterSession, 'logs'>
  signal: AbortSignal
  /** Called with each line; who resolves late makes the sender wait. */
  line: (text: string) => void | Promise<void>
}

/** A container that has not begun has no log, and a pod that is gone has none either. */
const NO_LOG = new Set(['refused', 'not-found'])

/** Resolves to null at the end of the log, else to what may be over when it is asked again. Throws what will not pass. */
export async function readOn(log: PodLog, { session, signal, line }: Reader): Promise<StockpipeError | null> {
  try {
    for await (const text of session.logs(log, signal)) await line(text)
    return null
  } catch (error) {
    if (error instanceof StockpipeError && (error.retryable || NO_LOG.has(error.code))) return error
    throw error
  }
}
