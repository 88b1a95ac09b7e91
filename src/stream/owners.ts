import type { Assignment } from './broker.ts'
import type { ProcessorOptions } from './outlet.ts'

/**
 * Runs one loop per assigned partition. The first failure stops all; ownership is given back only after the last
 * loop ended, so that each could write and commit what it had. Input that has ended is no reason to go before
 * there was a partition to read it from.
 */
export async function runOwners(
  { broker, topic, group, drained }: ProcessorOptions,
  signal: AbortSignal,
  own: (assignment: Assignment, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const ownership = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const loops: Promise<void>[] = []
  let running = 0
  const release = () => {
    if (running === 0 && (stop.aborted || (drained.aborted && loops.length > 0))) ownership.abort()
  }
  stop.addEventListener('abort', release)
  drained.addEventListener('abort', release)
  const start = async (assignment: Assignment): Promise<void> => {
    running++
    try {
      await own(assignment, stop)
    } catch (error) {
      failed.abort(error)
    } finally {
      running--
      release()
    }
  }
  for await (const assignment of broker.join(topic, group, ownership.signal)) loops.push(start(assignment))
  await Promise.all(loops)
  if (failed.signal.aborted) throw failed.signal.reason
}
