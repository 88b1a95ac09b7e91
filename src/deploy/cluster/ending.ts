/** What an interruption does to what is being asked. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Asked } from './asked.ts'

export const cutShort = ({ context, asked }: { context: string; asked: Asked }): StockpipeError =>
  new StockpipeError('not-ready', `interrupted before the cluster of ${context} had answered`, {
    why: `it was asked to ${asked.what}`,
    hint: 'run the same command again',
  })

/** Aborts so long after the other. */
export function graceAfter(signal: AbortSignal, ms: number, clock: Pick<Clock, 'sleep'>): AbortSignal {
  const grace = new AbortController()
  const begin = () => void clock.sleep(ms).then(() => grace.abort())
  if (signal.aborted) begin()
  signal.addEventListener('abort', begin, { once: true })
  return grace.signal
}

/** What the work resolves to; throws when the signal aborts, although the work goes on. */
export async function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = Promise.withResolvers<never>()
  const end = () => ended.reject(signal.reason)
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([work, ended.promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}
