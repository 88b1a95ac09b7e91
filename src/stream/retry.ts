import { StockpipeError } from '../errors.ts'
import type { Context } from '../telemetry.ts'

const FIRST_MS = 100
const LONGEST_MS = 10_000
/** Between two tries of what somebody has to mend. */
const MENDING_MS = 5_000

/**
 * Does `work` until it succeeds: what may pass, and what somebody can mend from outside, is tried again for ever, with
 * pauses, and is named on /readyz meanwhile; what no retry cures is thrown. Throws the last error once `signal` aborts. Of several calls that
 * wait for the same component only the first and the last are logged.
 */
export async function retry<Result>(
  component: string,
  work: () => Promise<Result>,
  { context, signal }: { context: Context; signal: AbortSignal },
): Promise<Result> {
  const { clock, log, metrics, health } = context
  const who = {}
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await work()
      health.ready(component, who)
      if (attempt > 0 && health.reason(component) === null) log.info(`${component}.recovered`, { attempts: attempt })
      return result
    } catch (error) {
      if (!(error instanceof StockpipeError) || signal.aborted) throw error
      if (!error.retryable && !error.mendable) throw error
      metrics.storeRetries.inc({ class: error.code })
      if (health.reason(component) === null)
        log[error.retryable ? 'warn' : 'error'](`${component}.retrying`, {
          error: error.message,
          why: error.why ?? error.cause,
          try: error.hint,
          note: 'tried again until it works; nothing is skipped',
        })
      health.notReady(component, error.message, who)
      await clock.sleep(error.retryable ? pause(attempt, clock.now()) : MENDING_MS, signal)
    }
  }
}

/** Doubles up to a cap; the jitter keeps several waiters from coming back at once. */
const pause = (attempt: number, now: number): number =>
  Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + (now % 97) / 194)
