import type { PipelineStats } from '../stats.ts'
import type { Bounds, Broker, Commit } from '../stream/broker.ts'
import type { Observer } from '../stream/observer.ts'
import type { Positions } from '../stream/positions.ts'
import { processedIn } from '../stream/triple.ts'
import type { Context } from '../telemetry.ts'

export interface LagSource {
  broker: Pick<Broker, 'bounds'>
  topic: string
  positions: Pick<Positions, 'of'>
  commits: () => Promise<readonly (Commit | null)[]>
  context: Context
  stats: PipelineStats
}

const EVERY_MS = 2_000

/**
 * Keeps the lag of all processors together, until `signal` aborts. While the log does not answer it is not known.
 * Processors tell how far they are once a second: what was in the log 2 s ago and is not processed by now, lags.
 */
export async function watchLag(source: LagSource, signal: AbortSignal): Promise<void> {
  const { broker, topic, context, stats } = source
  let before: readonly Bounds[] | null = null
  while (!signal.aborted) {
    const lag = before === null ? null : await answerOf(totalLag(before, source), signal)
    before = await answerOf(broker.bounds(topic), signal)
    show(before === null ? null : lag, { context, stats })
    await context.clock.sleep(EVERY_MS, signal)
  }
}

/** Tells a processor every 2 s what was in the log 2 s ago, until `signal` aborts. */
export async function watchLog(
  { broker, topic, context, observer }: Pick<LagSource, 'broker' | 'topic' | 'context'> & { observer: Observer },
  signal: AbortSignal,
): Promise<void> {
  let before: readonly Bounds[] | null = null
  while (!signal.aborted) {
    if (before !== null) observer.logHolds(before)
    before = await answerOf(broker.bounds(topic), signal)
    await context.clock.sleep(EVERY_MS, signal)
  }
}

/** Null where there is none, and at once when `signal` aborts: a log that hangs holds up no stop. */
function answerOf<Answer>(asked: Promise<Answer>, signal: AbortSignal): Promise<Answer | null> {
  const { promise, resolve } = Promise.withResolvers<Answer | null>()
  const none = () => resolve(null)
  if (signal.aborted) none()
  signal.addEventListener('abort', none)
  void asked.then(resolve, none).then(() => signal.removeEventListener('abort', none))
  return promise
}

function show(lag: number | null, { context, stats }: Pick<LagSource, 'context' | 'stats'>): void {
  stats.lagElsewhere(lag)
  if (lag === null) context.metrics.pipelineLag.remove({})
  else context.metrics.pipelineLag.set(lag)
}

/**
 * Records of the log that are not processed. A partition of which no processor has told anything counts from what was
 * committed, which is never ahead; one that nobody owns counts from where its last owner was.
 */
export async function totalLag(
  bounds: readonly Bounds[],
  { positions, commits }: Pick<LagSource, 'positions' | 'commits'>,
): Promise<number> {
  const isAllTold = bounds.every((_, partition) => positions.of(partition) !== null)
  const committed = isAllTold ? [] : await commits()
  return bounds.reduce((sum, { start, end }, partition) => {
    const processed = committed[partition] ? processedIn(committed[partition].metadata) : null
    const position = positions.of(partition) ?? (processed === null ? start : processed + 1)
    return sum + Math.max(0, end - Math.max(start, position))
  }, 0)
}
