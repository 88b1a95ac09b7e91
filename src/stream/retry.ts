import { Trouble } from './trouble.ts'
import { StockpipeError } from '../errors.ts'
import type { Component } from '../log-events.ts'
import type { Context } from '../telemetry.ts'

const FIRST_MS = 100
const LONGEST_MS = 10_000
/** Between two tries of what somebody has to mend. */
const MENDING_MS = 5_000

/**
 * Does `work` until it succeeds: what may pass, and what somebody can mend from outside, is tried again for ever, with
 * pauses, and is named on /readyz meanwhile; what no retry cures is thrown. Throws the last error once `signal` aborts.
 * `quietFor`: so many failures are part of every start, and not worth a line in the log.
 */
export async function retry<Result>(
  component: Component,
  work: () => Promise<Result>,
  { context, signal, quietFor = 0 }: { context: Context; signal: AbortSignal; quietFor?: number },
): Promise<Result> {
  const { clock, metrics } = context
  using trouble = new Trouble(component, context)
  trouble.begins()
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await work()
      trouble.over()
      return result
    } catch (error) {
      if (!(error instanceof StockpipeError) || signal.aborted) throw error
      if (!error.retryable && !error.mendable) throw error
      metrics.retries.inc({ component, class: error.code })
      if (component === 'store') metrics.storeRetries.inc({ class: error.code })
      trouble.failed(error, { isNews: attempt >= quietFor })
      await clock.sleep(error.retryable ? pause(attempt, clock.now()) : MENDING_MS, signal)
    }
  }
}

/** Doubles up to a cap; the jitter keeps several waiters from coming back at once. */
const pause = (attempt: number, now: number): number =>
  Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + (now % 97) / 194)

/** Waits for servers before any work is begun. False when told to stop meanwhile: there is nothing to lose yet. */
export async function isPrepared(signal: AbortSignal, prepare: () => Promise<unknown>): Promise<boolean> {
  try {
    await prepare()
    return !signal.aborted
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
