import type { Rows, Store } from './store.ts'
import type { Context } from '../telemetry.ts'

/**
 * One attempt to write rows, as numbers: how long it took, how it ended, and that it is under way. Trades are written by
 * themselves; the rows of all other tables go together, in shared requests and transactions, and have no times of their own.
 */
export async function timedWrite(store: Store, rows: Rows, { clock, metrics }: Context): Promise<void> {
  const table = rows.trades.length > 0 ? 'trades' : 'others'
  const startedAt = clock.elapsed()
  let outcome = 'failed'
  metrics.storeInFlight.inc()
  try {
    await store.write(rows)
    outcome = 'ok'
  } finally {
    metrics.storeInFlight.dec()
    metrics.storeWrite.observe({ table, outcome }, (clock.elapsed() - startedAt) / 1000)
  }
}
