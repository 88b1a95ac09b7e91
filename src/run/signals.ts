import type { Clock } from '../clock.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const FORCED = 1
/** `npm start` hands on the Ctrl-C that the terminal sent to us as well, `timeout` signals twice: those are one wish. */
const SAME_WISH_MS = 300

/** Aborts at the first signal to stop; a second one, a moment later, ends the process at once. */
export function stopSignal(clock: Clock): Disposable & { signal: AbortSignal } {
  const stop = new AbortController()
  let at = 0
  const handle = () => {
    const now = clock.now()
    if (stop.signal.aborted && now - at >= SAME_WISH_MS) process.exit(FORCED)
    if (!stop.signal.aborted) at = now
    stop.abort()
  }
  for (const name of SIGNALS) process.on(name, handle)
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      // The second signal of one wish may come when all is done: it must not look like an end by force.
      if (stop.signal.aborted) return
      for (const name of SIGNALS) process.off(name, handle)
    },
  }
}
