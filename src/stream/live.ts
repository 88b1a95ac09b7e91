import type { CandleRow, LatestRow, Stamped, TradeBatch, WindowRow } from '../trade.ts'

/** What became visible in the store just now. Rows are shared: do not change them. */
export interface LiveUpdate {
  trades: readonly TradeBatch[]
  windows: readonly Stamped<WindowRow>[]
  candles: readonly Stamped<CandleRow>[]
  latest: readonly Stamped<LatestRow>[]
  /** When the store acknowledged it, by the writer's clock (unix ms). Absent: it comes from the log, not by way of the store. */
  storedAt?: number
}

/** Push from the processor to the API. The processor publishes after the store's acknowledgement. */
export interface Live {
  /** Never waits and never throws: a slow listener is the listener's affair. */
  publish(update: LiveUpdate): void
  /** Resolves when what was published cannot get lost any more. Commits wait for it. Throws once `signal` aborts. */
  published(signal: AbortSignal): Promise<void>
  /** Resolves when not too much waits to be published: whoever publishes waits for it. Throws once `signal` aborts. */
  room(signal: AbortSignal): Promise<void>
  /** How far the owner of a partition is: the next offset it folds. As cheap as can be: called with every batch. */
  progress(partition: number, position: number): void
  /** Returns the function that ends the subscription. */
  subscribe(listener: (update: LiveUpdate) => void): () => void
}

/** In one process: a call. */
export function localLive(): Live {
  const listeners = new Set<(update: LiveUpdate) => void>()
  return {
    publish(update) {
      for (const listener of listeners) listener(update)
    },
    published: async () => {},
    room: async () => {},
    progress() {},
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
