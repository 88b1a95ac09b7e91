export interface Interrupt extends Disposable {
  signal: AbortSignal
  /** Resolves when the signal aborts. */
  happened: Promise<void>
}

/** Aborts at Ctrl-C or SIGTERM, which until disposal do not end the process by themselves. */
export function interrupted(): Interrupt {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = () => {
    controller.abort()
    resolve()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return {
    signal: controller.signal,
    happened: promise,
    [Symbol.dispose]() {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
