import { StockpipeError } from '../errors.ts'

export const interrupted = (): StockpipeError => new StockpipeError('not-ready', 'interrupted')

/** Does it; what an abort of the signal ends is told by the error of `told`. */
export async function unlessInterrupted<T>(
  signal: AbortSignal,
  told: () => StockpipeError,
  work: () => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw told()
  try {
    return await work()
  } catch (error) {
    throw signal.aborted ? told() : error
  }
}
