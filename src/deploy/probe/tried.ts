import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Probe } from './junit.ts'

/** Does it, and says how it went. `work` resolves to what was seen. */
export async function tried(clock: Clock, name: string, work: () => Promise<string>): Promise<Probe> {
  const from = clock.elapsed()
  const ended = (ok: boolean, detail: string): Probe => ({ name, ok, detail, ms: clock.elapsed() - from })
  try {
    return ended(true, await work())
  } catch (error) {
    return ended(false, wordsOf(error))
  }
}

export function wordsOf(error: unknown): string {
  if (!(error instanceof StockpipeError)) return error instanceof Error ? error.message : String(error)
  return [error.message, error.why, error.hint && `try: ${error.hint}`].filter(Boolean).join('; ')
}
