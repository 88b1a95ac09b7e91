import type { Assignment, Batch, Broker, Commit, LogRecord } from '../src/stream/broker.ts'
import type { Restored, RestoreQuery, Rows, Store, Tables } from '../src/stream/store.ts'
import { INTERVAL_MS, type Interval, INTERVALS } from '../src/trade.ts'

/** A store that is a few maps: what is written is there, at once, for tests that crash the engine between calls. */
export function memoryStore() {
  const trades = new Map<string, { price: number; volume: number; future: boolean }>()
  const windows = new Map<string, Rows['windows'][number]>()
  const candles = new Map<string, Rows['candles'][number]>()
  const late = new Map<string, Rows['late'][number]>()
  const rollups = new Map<string, Rows['rollups'][number]>()
  const latest = new Map<string, Rows['latest'][number]>()
  const gaps = new Map<string, Rows['gaps'][number]>()
  const keepNewest = <Row extends { stamp: number }>(map: Map<string, Row>, key: string, row: Row) => {
    const known = map.get(key)
    if (known === undefined || row.stamp > known.stamp) map.set(key, row)
    else if (row.stamp === known.stamp && JSON.stringify(row) !== JSON.stringify(known))
      throw new Error(`two contents under one stamp: ${JSON.stringify([known, row])}`)
  }
  const parentEnd = (interval: Interval, start: number): number => {
    const size = INTERVAL_MS[INTERVALS[INTERVALS.indexOf(interval) + 1] ?? '1d']
    return start - (start % size) + size
  }
  const store: Store = {
    durability: null,
    async write(rows) {
      for (const batch of rows.trades)
        for (const [index, { p: price, v: volume }] of batch.entries.entries())
          if (!batch.skip?.has(index))
            trades.set(`${batch.offset}:${index}`, { price, volume, future: batch.future?.has(index) ?? false })
      for (const row of rows.windows) keepNewest(windows, `${row.symbol}|window|${row.window_start_ts}`, row)
      for (const row of rows.candles) keepNewest(candles, `${row.symbol}|${row.interval}|${row.open_ts}`, row)
      for (const row of rows.late) late.set(`${row.log_offset}:${row.log_index}`, row)
      for (const row of rows.rollups)
        rollups.set(`${row.incarnation}|${row.interval}|${row.symbol}|${row.start_ts}`, row)
      for (const row of rows.latest) if (row.stamp > (latest.get(row.symbol)?.stamp ?? 0)) latest.set(row.symbol, row)
      for (const row of rows.gaps) keepNewest(gaps, `${row.symbol}|${row.from_ts}|${row.cause}`, row)
    },
    async restore({ incarnation, watermark, processed }: RestoreQuery): Promise<Restored> {
      return {
        rollups: [...rollups.values()].filter(
          (row) =>
            row.incarnation === incarnation &&
            row.start_ts + INTERVAL_MS[row.interval] <= watermark &&
            parentEnd(row.interval, row.start_ts) > watermark,
        ),
        late: [...late.values()].filter((row) => {
          if (
            row.incarnation !== incarnation ||
            row.log_offset > processed ||
            row.entry_interval === '' ||
            row.entry_interval === '1m'
          )
            return false
          const size = INTERVAL_MS[row.entry_interval]
          return row.trade_ts - (row.trade_ts % size) + size > watermark
        }),
      }
    },
    async *read(table, { symbols }) {
      const rows = [...latest.values()].filter(({ symbol }) => symbols?.includes(symbol) ?? true)
      if (table === 'latest') yield rows as unknown as Tables[typeof table][]
    },
    id: async () => 'memory',
    symbols: async () => [...latest.keys()].sort(),
    prune: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  return { store, trades, windows, candles, late, rollups, latest, gaps }
}

/** One partition of a log in memory. What is committed survives `assign`; what an owner held does not. */
export function memoryLog(topic: string) {
  const records: LogRecord[] = []
  let committed: Commit | null = null
  async function* batches(offset: number, size: number, signal: AbortSignal): AsyncIterable<Batch> {
    for (let at = offset; !signal.aborted;) {
      const found = records.slice(at, at + size)
      at += found.length
      yield { records: found, end: records.length, startedAt: 0, endedAt: 0 }
    }
  }
  const broker: Broker = {
    createTopic: async () => 1,
    append: async () => [],
    async *join() {},
    read: (_topic, _partition, offset, signal) => batches(offset, 10, signal),
    bounds: async (name) => (name === topic ? [{ start: 0, end: records.length }] : []),
    [Symbol.asyncDispose]: async () => {},
  }
  const assign = (size: number, signal: AbortSignal): Assignment => ({
    partition: 0,
    signal,
    committed,
    [Symbol.dispose]() {},
    batches: (offset) => batches(offset, size, signal),
    async commit(offset, metadata) {
      committed = { offset, metadata }
    },
  })
  return { broker, records, assign }
}
