import type { Assignment } from './broker.ts'
import { endedBy } from './ended-by.ts'
import type { Outlet, ProcessorOptions } from './outlet.ts'
import type { Ending } from './owners.ts'
import { StockpipeError } from '../errors.ts'

const LOOK_EVERY_MS = 1_000
/** The component on /readyz. */
const COMPONENT = 'processor'

export interface Standstill {
  reason: StockpipeError
  /** The first offset that is not processed. */
  position: number
}

export interface Holding {
  options: Pick<ProcessorOptions, 'context' | 'drained'>
  outlet: Pick<Outlet, 'standsStill' | 'left'>
  /** Ends the waiting. */
  stop: AbortSignal
}

/**
 * Keeps a partition without going on with it, and says why, until it is taken away, the process is stopped, or the log
 * is another one, as after somebody made it anew. Throws the reason where the input has ended: then nobody waits for anything.
 */
export async function holdStill(
  assignment: Assignment,
  { reason, position }: Standstill,
  { options: { context, drained }, outlet, stop }: Holding,
): Promise<Ending | 'log-changed'> {
  const { health, clock, log, metrics } = context
  using _paused = metrics.paused.begin(clock)
  const signal = AbortSignal.any([stop, assignment.signal])
  health.notReady(COMPONENT, `partition ${assignment.partition} stands still: ${reason.message}`, assignment)
  log.error('processor.stands_still', {
    partition: assignment.partition,
    error: reason.message,
    why: reason.why,
    try: reason.hint,
  })
  const place = { number: assignment.partition, position }
  let unread: number | undefined
  try {
    // Of what is read only its age is of interest, and that the reading ends when the partition is to be handed over.
    for await (const { records, end } of endedBy(assignment.batches(position), signal)) {
      unread ??= records[0]?.timestamp
      outlet.standsStill(place, unread, end)
      if (drained.aborted) throw reason
      await clock.sleep(LOOK_EVERY_MS, signal)
    }
    return 'handed-over'
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'log-changed') return error.code
    throw error
  } finally {
    outlet.left(place)
    health.ready(COMPONENT, assignment)
  }
}
