import type { Entry, TradeBatch } from '../../trade.ts'

/**
 * Trades on their way to another thread: a few arrays of numbers, which are copied at once, in place of one object
 * per trade, which is not.
 */
export interface PackedTrades {
  symbols: string[]
  /** Five numbers a batch: partition, offset, received (NaN: not known), ingested, count of entries. */
  batches: Float64Array
  /** Three numbers an entry: time, price, volume. */
  entries: Float64Array
  /** By place among all entries; most trades have none. */
  conditions: Map<number, Entry['c']>
  /** By batch, where there are any. */
  skip: Map<number, ReadonlySet<number>>
  future: Map<number, ReadonlySet<number>>
}

const BATCH = 5
const ENTRY = 3

export function packTrades(trades: readonly TradeBatch[]): PackedTrades {
  const count = trades.reduce((sum, { entries }) => sum + entries.length, 0)
  const packed: PackedTrades = {
    symbols: trades.map(({ symbol }) => symbol),
    batches: new Float64Array(trades.length * BATCH),
    entries: new Float64Array(count * ENTRY),
    conditions: new Map(),
    skip: new Map(),
    future: new Map(),
  }
  let at = 0
  for (const [index, batch] of trades.entries()) {
    const { partition, offset, received, ingested, entries, skip, future } = batch
    packed.batches.set([partition, offset, received ?? Number.NaN, ingested, entries.length], index * BATCH)
    if (skip !== null) packed.skip.set(index, skip)
    if (future !== null) packed.future.set(index, future)
    for (const { t, p, v, c } of entries) {
      if (c !== null) packed.conditions.set(at / ENTRY, c)
      packed.entries[at++] = t
      packed.entries[at++] = p
      packed.entries[at++] = v
    }
  }
  return packed
}

export function unpackTrades({ symbols, batches, entries, conditions, skip, future }: PackedTrades): TradeBatch[] {
  let at = 0
  return symbols.map((symbol, index) => {
    const [partition = 0, offset = 0, received = Number.NaN, ingested = 0, count = 0] = batches.subarray(
      index * BATCH,
      (index + 1) * BATCH,
    )
    const unpacked: Entry[] = []
    for (let entry = 0; entry < count; entry++, at++) {
      const from = at * ENTRY
      unpacked.push({
        c: conditions.get(at) ?? null,
        s: symbol,
        t: entries[from] ?? 0,
        p: entries[from + 1] ?? 0,
        v: entries[from + 2] ?? 0,
      })
    }
    return {
      symbol,
      partition,
      offset,
      received: Number.isNaN(received) ? null : received,
      ingested,
      entries: unpacked,
      skip: skip.get(index) ?? null,
      future: future.get(index) ?? null,
    }
  })
}
