import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'

const PAUSE_MS = 1_000
/** Between two lines that say the same. */
const REMIND_MS = 30_000

/** What a step of a set-up says to a person: one line. */
export type Say = (line: string) => void

export interface Patience {
  clock: Clock
  /** By `Clock.elapsed`. */
  deadline: number
  /** The whole of it, ms, for words. */
  timeout: number
  signal: AbortSignal
  say: Say
  /** Between two tries, ms. */
  pause?: number
}

export const patienceFor = (
  timeout: number,
  { clock, signal, say }: Pick<Patience, 'clock' | 'signal' | 'say'>,
): Patience => ({ clock, signal, say, timeout, deadline: clock.elapsed() + timeout })

/**
 * Does `work` until it succeeds. What may pass is tried again until the deadline, and is said when it is news; then, and
 * for what no waiting cures, the error is thrown. `mayPass`: what counts as such.
 */
export async function patiently<Result>(
  work: () => Promise<Result>,
  patience: Patience,
  mayPass = ({ retryable }: StockpipeError): boolean => retryable,
): Promise<Result> {
  const { clock, deadline, signal, say, pause = PAUSE_MS } = patience
  for (let told = '', toldAt = Number.NEGATIVE_INFINITY; ; await clock.sleep(pause, signal))
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StockpipeError) || signal.aborted || !mayPass(error)) throw error
      if (clock.elapsed() + pause > deadline) throw tooLate(error, patience)
      if (error.message === told && clock.elapsed() - toldAt < REMIND_MS) continue
      say(`waiting: ${wordsOf(error)}`)
      told = error.message
      toldAt = clock.elapsed()
    }
}

const wordsOf = ({ message, why }: StockpipeError): string =>
  why === undefined || message.includes(why) ? message : `${message}: ${why}`

const tooLate = (error: StockpipeError, { timeout }: Patience): StockpipeError =>
  new StockpipeError(error.code, `${error.message}, after ${Math.round(timeout / 1000)} s`, {
    why: error.why,
    hint: error.hint,
    cause: error.cause,
  })
