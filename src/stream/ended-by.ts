/** The same items, but ends when `signal` aborts, also while none comes. */
export async function* endedBy<Item>(items: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item, void> {
  const iterator = items[Symbol.asyncIterator]()
  let end = () => {}
  const abort = () => end()
  signal.addEventListener('abort', abort)
  try {
    for (;;) {
      // A promise for each item: one of the signal alone would keep everything that ever waited for it.
      const next = Promise.withResolvers<IteratorResult<Item, unknown> | null>()
      end = () => next.resolve(null)
      if (signal.aborted) end()
      else iterator.next().then(next.resolve, next.reject)
      const result = await next.promise
      if (result === null || result.done) return
      yield result.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // It may wait for the item that does not come.
    iterator.return?.().catch(() => {})
  }
}
