import type { Assignment } from './broker.ts'
import type { ProcessorOptions } from './outlet.ts'

/** How the loop of a partition ended: with the input, or because somebody else is to go on with it. */
export type Ending = 'drained' | 'handed-over'

/**
 * Runs one loop per assigned partition. The first failure stops all; ownership is given back only after the last
 * loop ended, so that each could write and commit what it had. Input that has ended is no reason to go before
 * there was a partition to read it from, nor while partitions move between members.
 */
export async function runOwners(
  { broker, topic, group, drained }: ProcessorOptions,
  signal: AbortSignal,
  own: (assignment: Assignment, stop: AbortSignal) => Promise<Ending>,
): Promise<void> {
  const failed = new AbortController()
  const ownership = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  let running = 0
  let ended: Ending | null = null
  let newest: AbortSignal | null = null
  const release = () => {
    if (running === 0 && (stop.aborted || (drained.aborted && ended === 'drained'))) ownership.abort()
  }
  stop.addEventListener('abort', release)
  drained.addEventListener('abort', release)
  const start = async (assignment: Assignment): Promise<void> => {
    running++
    ended = null
    newest = assignment.signal
    try {
      const ending = await own(assignment, stop)
      // A loop that is slow to notice that its partition was taken says nothing about those that came after it.
      const isPast = assignment.signal.aborted && !newest.aborted
      if (!isPast && ended !== 'handed-over') ended = ending
    } catch (error) {
      failed.abort(error)
    } finally {
      assignment[Symbol.dispose]()
      running--
      release()
    }
  }
  const loops = new Set<Promise<void>>()
  for await (const assignment of broker.join(topic, group, ownership.signal)) {
    const loop = start(assignment)
    loops.add(loop)
    void loop.then(() => loops.delete(loop))
  }
  await Promise.all(loops)
  if (failed.signal.aborted) throw failed.signal.reason
}
