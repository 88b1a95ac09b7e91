import { StockpipeError } from '../errors.ts'
import type { PipelineStats } from '../stats.ts'
import type { Bounds, Broker, Commit } from '../stream/broker.ts'
import type { Observer } from '../stream/observer.ts'
import type { Positions } from '../stream/positions.ts'
import { processedIn } from '../stream/triple.ts'
import type { Context } from '../telemetry.ts'
import { Waiting } from './waiting.ts'

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
  const { clock } = context
  const waiting = new Waiting()
  const refusal = new Refusal(context)
  let before: readonly Bounds[] | null = null
  while (!signal.aborted) {
    const positions = before === null ? null : await answerOf(refusal.watch(positionsIn(before, source)), signal)
    const lag = before === null || positions === null ? null : lagOf(before, positions)
    const since = positions === null ? null : waiting.since(positions)
    before = await answerOf(broker.bounds(topic), signal)
    const seenAt = clock.elapsed()
    const known = before === null || lag === null ? null : { records: lag, ms: since === null ? 0 : seenAt - since }
    show(known, { context, stats })
    if (before !== null) waiting.saw(before, seenAt)
    await clock.sleep(EVERY_MS, signal)
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

/** The component on /readyz and /statusz: a warning, for everything else works. */
const COMPONENT = 'lag'

/** Tells once of what somebody has to mend, and once that it is mended. That a server is away others tell. */
class Refusal {
  readonly #context: Context
  #isTold = false

  constructor(context: Context) {
    this.#context = context
  }

  async watch<Answer>(asked: Promise<Answer>): Promise<Answer> {
    try {
      const answer = await asked
      if (this.#isTold) this.#over()
      return answer
    } catch (error) {
      if (!this.#isTold && error instanceof StockpipeError && error.mendable) this.#begins(error)
      throw error
    }
  }

  #begins(error: StockpipeError): void {
    const { health, log } = this.#context
    this.#isTold = true
    health.warn(COMPONENT, [error.message, error.hint ?? []].flat().join('; '))
    log.warn('lag.unknown', { error, why: error.why, try: error.hint })
  }

  #over(): void {
    const { health, log } = this.#context
    this.#isTold = false
    health.warn(COMPONENT, null)
    log.info('lag.known')
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

interface Lag {
  records: number
  ms: number
}

function show(lag: Lag | null, { context, stats }: Pick<LagSource, 'context' | 'stats'>): void {
  const { pipelineLag, pipelineLagSeconds } = context.metrics
  stats.lagElsewhere(lag?.records ?? null)
  if (lag === null) for (const metric of [pipelineLag, pipelineLagSeconds]) metric.remove({})
  else {
    pipelineLag.set(lag.records)
    pipelineLagSeconds.set(lag.ms / 1000)
  }
}

/** Records of the log that are not processed. */
export const lagOf = (bounds: readonly Bounds[], positions: readonly number[]): number =>
  bounds.reduce((sum, { end }, partition) => sum + Math.max(0, end - (positions[partition] ?? end)), 0)

/**
 * By partition: the next offset to process, by what its owner told last, or by what was committed, which is never ahead,
 * where that is further: nobody told anything, or the words of the owner do not arrive. What the log has no more is over.
 * Who may not see what was committed does without, unless nobody told of a partition that has records.
 */
export async function positionsIn(
  bounds: readonly Bounds[],
  { positions, commits }: Pick<LagSource, 'positions' | 'commits'>,
): Promise<number[]> {
  const told = bounds.map(({ start, end }, partition) => positions.of(partition) ?? (start >= end ? end : null))
  const isAllDone = bounds.every(({ end }, partition) => (told[partition] ?? 0) >= end)
  const committed = isAllDone
    ? []
    : await commits().catch((error: unknown) => {
        if (told.includes(null)) throw error
        return []
      })
  return bounds.map(({ start }, partition) => {
    const processed = committed[partition] ? processedIn(committed[partition].metadata) : null
    return Math.max(start, told[partition] ?? 0, processed === null ? 0 : processed + 1)
  })
}
