const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const FORCED = 1

/** Aborts at the first signal to stop; a second one ends the process at once. */
export function stopSignal(): Disposable & { signal: AbortSignal } {
  const stop = new AbortController()
  const handle = () => {
    if (stop.signal.aborted) process.exit(FORCED)
    stop.abort()
  }
  for (const name of SIGNALS) process.on(name, handle)
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, handle)
    },
  }
}
