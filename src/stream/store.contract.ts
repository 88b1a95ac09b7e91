import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { hourOf, type TradeBatch, type TradeRow } from '../trade.ts'
import { catalogCases } from './store.contract-catalog.ts'
import { gapCases } from './store.contract-gaps.ts'
import { readCases, restoreCases } from './store.contract-reading.ts'
import {
  candleRow,
  entry,
  HOUR,
  latestRow,
  lateRow,
  newSymbol,
  readAll,
  rows,
  tradeBatch,
  unstamped,
  windowRow,
} from './store.contract-rows.ts'
import { noRows, type Store } from './store.ts'
import type { CataloguedStore } from './store/catalog.ts'

export interface StoreHarness {
  /**
   * Empty at first; the suite shares it, each case with symbols and partitions of its own. It keeps trades for 7 days
   * and candles for ever.
   */
  store: CataloguedStore
  /** Opens the same data once more, as another process would. */
  reopen(): Promise<Store>
  close(): Promise<void>
}

/** The table row of entry `index` of a batch. */
function tradeRow(batch: TradeBatch, index: number, more: Partial<TradeRow> = {}): TradeRow {
  const { p, v, t } = batch.entries[index] ?? entry(0)
  return {
    symbol: batch.symbol,
    hour: hourOf(t),
    trade_ts: t,
    log_partition: batch.partition,
    log_offset: batch.offset,
    log_index: index,
    price: p,
    volume: v,
    conditions: '',
    received_ts: batch.received,
    ingested_ts: batch.ingested,
    flags: '',
    ...more,
  }
}

/** What every store promises, whatever is behind it. */
export function testStore(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} keeps the promises of a store:`, () => {
    let harness: StoreHarness
    let store: CataloguedStore
    beforeAll(async () => {
      harness = await open()
      store = harness.store
    })
    afterAll(() => harness.close())
    const opened = () => store

    tradeCases(opened)
    stampCases(opened)
    readCases(opened)
    restoreCases(opened)
    gapCases(opened)
    catalogCases(opened)

    test('what was written is there for the next who opens it', async () => {
      const symbol = newSymbol()
      await store.write(rows({ candles: [candleRow(symbol, { interval: '1m', open: HOUR })] }))
      await using again = await harness.reopen()
      expect(await readAll(again, 'candles', { symbols: [symbol] })).toHaveLength(1)
    })
  })
}

function tradeCases(opened: () => Store): void {
  const written = async (batch: TradeBatch) => {
    await opened().write(rows({ trades: [batch] }))
    return readAll(opened(), 'trades', { symbols: [batch.symbol] })
  }

  test('a trade reads back with every column exact', async () => {
    const batch = tradeBatch(newSymbol(), [entry(HOUR + 123, { p: 0.1 + 0.2, v: 1e-9, c: ['1', '12'] })])
    expect(await written(batch)).toEqual([tradeRow(batch, 0, { conditions: '1,12' })])
  })

  test('trades of one millisecond are all kept', async () => {
    const batch = tradeBatch(newSymbol(), [entry(HOUR, { p: 1 }), entry(HOUR, { p: 2 }), entry(HOUR, { p: 3 })])
    expect((await written(batch)).map((row) => row.price)).toEqual([1, 2, 3])
  })

  test('equal prints are all kept', async () => {
    expect(await written(tradeBatch(newSymbol(), [entry(HOUR), entry(HOUR), entry(HOUR)]))).toHaveLength(3)
  })

  test('equal prints of two records are both kept', async () => {
    const symbol = newSymbol()
    await written(tradeBatch(symbol, [entry(HOUR)], { offset: 1 }))
    expect(await written(tradeBatch(symbol, [entry(HOUR)], { offset: 2 }))).toHaveLength(2)
  })

  test('writing the same trades again changes nothing', async () => {
    const batch = tradeBatch(newSymbol(), [entry(HOUR), entry(HOUR + 1)])
    const first = await written(batch)
    expect(await written(batch)).toEqual(first)
  })

  test('skipped entries are no rows, and the others keep their index', async () => {
    const entries = [entry(HOUR), entry(HOUR, { v: 0 }), entry(HOUR)]
    const found = await written(tradeBatch(newSymbol(), entries, { skip: new Set([1]) }))
    expect(found.map((row) => row.log_index)).toEqual([0, 2])
  })

  test('a quarantined trade is flagged future', async () => {
    const batch = tradeBatch(newSymbol(), [entry(HOUR), entry(HOUR + 1)], { future: new Set([1]) })
    expect((await written(batch)).map((row) => row.flags)).toEqual(['', 'future'])
  })

  test('an unknown receive time stays unknown', async () => {
    const found = await written(tradeBatch(newSymbol(), [entry(HOUR)], { received: null }))
    expect(found[0]?.received_ts).toBeNull()
  })

  test('conditions are comma joined without the null ones', async () => {
    const conditions = [null, [], [null], ['1'], ['1', null, '24']]
    const entries = conditions.map((c) => entry(HOUR, { c }))
    const found = await written(tradeBatch(newSymbol(), entries))
    expect(found.map((row) => row.conditions)).toEqual(['', '', '', '1', '1,24'])
  })

  test('the hour is that of the trade in UTC', async () => {
    const found = await written(
      tradeBatch(
        newSymbol(),
        [HOUR - 1, HOUR, HOUR + 3_599_999].map((t) => entry(t)),
      ),
    )
    expect(found.map((row) => row.hour)).toEqual(['2024-03-05T13', '2024-03-05T14', '2024-03-05T14'])
  })

  test('a write of 50,000 rows arrives whole', async () => {
    const symbol = newSymbol()
    const trades = Array.from({ length: 500 }, (_, offset) => {
      const entries = Array.from({ length: 100 }, (_, index) => entry(HOUR + offset, { p: 1 + offset * 100 + index }))
      return tradeBatch(symbol, entries, { offset })
    })
    await opened().write(rows({ trades, latest: [latestRow(symbol, HOUR)] }))
    let expected = 1
    for await (const page of opened().read('trades', { symbols: [symbol] }))
      for (const row of page) if (row.price !== expected++) throw new Error(`row ${expected} is ${row.price}`)
    expect(expected).toBe(50_001)
    expect(await readAll(opened(), 'latest', { symbols: [symbol] })).toHaveLength(1)
  })

  test('calls at the same time all arrive', async () => {
    const symbol = newSymbol()
    const offsets = Array.from({ length: 20 }, (_, offset) => offset)
    const write = (offset: number) => opened().write(rows({ trades: [tradeBatch(symbol, [entry(HOUR)], { offset })] }))
    await Promise.all(offsets.map(write))
    const found = await readAll(opened(), 'trades', { symbols: [symbol] })
    expect(found.map((row) => row.log_offset)).toEqual(offsets)
  })

  test('a write of nothing resolves', async () => {
    await opened().write(noRows())
  })
}

/** One table whose rows carry a stamp: how to write version `n` of one key, and what is read of it. */
interface Versioned {
  write(n: number, stamp: number): Promise<void>
  read(): Promise<unknown[]>
}

function versioned(store: Store): Record<'window' | 'candle' | 'latest', Versioned> {
  const symbol = newSymbol()
  const query = { symbols: [symbol] }
  return {
    window: {
      write: (n, stamp) => store.write(rows({ windows: [windowRow(symbol, HOUR, { n, stamp })] })),
      read: async () => (await readAll(store, 'windows', query)).map((row) => row.n),
    },
    candle: {
      write: (n, stamp) =>
        store.write(rows({ candles: [candleRow(symbol, { interval: '1s', open: HOUR }, { n, stamp })] })),
      read: async () => (await readAll(store, 'candles', query)).map((row) => row.n),
    },
    latest: {
      write: (n, stamp) => store.write(rows({ latest: [latestRow(symbol, HOUR, { price: n, stamp })] })),
      read: async () => (await readAll(store, 'latest', query)).map((row) => row.price),
    },
  }
}

function stampCases(opened: () => Store): void {
  const STAMP = HOUR * 1000

  test.each(['window', 'candle', 'latest'] as const)('of two writes of a %s the larger stamp stays', async (kind) => {
    const row = versioned(opened())[kind]
    await row.write(1, STAMP)
    await row.write(2, STAMP + 4)
    expect(await row.read()).toEqual([2])
  })

  test.each(['window', 'candle', 'latest'] as const)('a %s with a smaller stamp changes nothing', async (kind) => {
    const row = versioned(opened())[kind]
    await row.write(2, STAMP + 4)
    await row.write(1, STAMP)
    expect(await row.read()).toEqual([2])
  })

  test.each(['window', 'candle', 'latest'] as const)('within one write too: %s', async (kind) => {
    const symbol = newSymbol()
    const both = [STAMP + 4, STAMP]
    await opened().write(
      rows({
        windows: both.map((stamp) => windowRow(symbol, HOUR, { n: stamp - STAMP, stamp })),
        candles: both.map((stamp) => candleRow(symbol, { interval: '1s', open: HOUR }, { n: stamp - STAMP, stamp })),
        latest: both.map((stamp) => latestRow(symbol, HOUR, { price: stamp - STAMP, stamp })),
      }),
    )
    const query = { symbols: [symbol] }
    const values = {
      window: (await readAll(opened(), 'windows', query)).map((row) => row.n),
      candle: (await readAll(opened(), 'candles', query)).map((row) => row.n),
      latest: (await readAll(opened(), 'latest', query)).map((row) => row.price),
    }
    expect(values[kind]).toEqual([4])
  })

  test('a window may go from final back to open and to final again', async () => {
    const symbol = newSymbol()
    const states = [
      { final: true, closed_by: 'idle', n: 1, stamp: STAMP + 5 },
      { final: false, closed_by: 'open', n: 2, stamp: STAMP + 8 },
      { final: true, closed_by: 'watermark', n: 2, stamp: STAMP + 10 },
    ] as const
    for (const state of states) {
      await opened().write(rows({ windows: [windowRow(symbol, HOUR, state)] }))
      const [row] = await readAll(opened(), 'windows', { symbols: [symbol] })
      expect(row).toEqual(unstamped(windowRow(symbol, HOUR, state)))
    }
  })

  test('the same rows with the same stamps change nothing', async () => {
    const symbol = newSymbol()
    const same = rows({
      windows: [windowRow(symbol, HOUR)],
      candles: [candleRow(symbol, { interval: '1d', open: Date.UTC(2024, 2, 5) })],
      late: [lateRow(symbol, HOUR)],
      latest: [latestRow(symbol, HOUR)],
    })
    const all = async () => [
      await readAll(opened(), 'windows', { symbols: [symbol] }),
      await readAll(opened(), 'candles', { symbols: [symbol] }),
      await readAll(opened(), 'late', { symbols: [symbol] }),
      await readAll(opened(), 'latest', { symbols: [symbol] }),
    ]
    await opened().write(same)
    const first = await all()
    await opened().write(same)
    expect(await all()).toEqual(first)
    expect(first).toEqual([same.windows.map(unstamped), same.candles.map(unstamped), [...same.late], [...same.latest]])
  })

  test('latest only moves forward, also across reopened writers', async () => {
    const symbol = newSymbol()
    for (const t of [HOUR, HOUR + 5, HOUR + 3]) await opened().write(rows({ latest: [latestRow(symbol, t)] }))
    expect(await readAll(opened(), 'latest', { symbols: [symbol] })).toEqual([latestRow(symbol, HOUR + 5)])
  })

  test('latest without an open of the day or a receive time reads null', async () => {
    const symbol = newSymbol()
    const row = latestRow(symbol, HOUR, { received_ts: null, day_open: null, change: null, change_percent: null })
    await opened().write(rows({ latest: [row] }))
    expect(await readAll(opened(), 'latest', { symbols: [symbol] })).toEqual([row])
  })
}
