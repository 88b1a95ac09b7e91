import { setTimeout } from 'node:timers/promises'

/** The work's result, or an error once it has taken too long. */
export async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  const done = new AbortController()
  const late = setTimeout(ms, null, { signal: done.signal }).then(() => {
    throw new Error(`no answer within ${ms / 1_000} s`)
  })
  // Once the work is done nobody waits for it.
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
  }
}
