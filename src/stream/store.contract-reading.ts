import { describe, expect, test } from 'bun:test'

import { INTERVAL_MS } from '../trade.ts'
import {
  candleRow,
  entry,
  HOUR,
  INCARNATION,
  lateRow,
  latestRow,
  MINUTE,
  newPartition,
  newSymbol,
  readAll,
  rollupRow,
  rows,
  tradeBatch,
  windowRow,
} from './store.contract-rows.ts'
import type { Query, RestoreQuery, Store, Tables } from './store.ts'

/** Order, ranges and paging. */
export function readCases(opened: () => Store): void {
  const trades = async (query: Query<Tables['trades']>) =>
    (await readAll(opened(), 'trades', query)).map((row) => row.log_index)

  test('a range is half open, in both orders', async () => {
    const symbol = newSymbol()
    await opened().write(
      rows({
        trades: [
          tradeBatch(
            symbol,
            [0, 1, 2, 3].map((ms) => entry(HOUR + ms)),
          ),
        ],
      }),
    )
    expect(await trades({ symbols: [symbol], from: HOUR + 1, to: HOUR + 3 })).toEqual([1, 2])
    expect(await trades({ symbols: [symbol], from: HOUR + 1, to: HOUR + 3, order: 'desc' })).toEqual([2, 1])
    expect(await trades({ symbols: [symbol], from: HOUR + 4 })).toEqual([])
  })

  test.each(['asc', 'desc'] as const)(
    'paging %s leaves nothing out and gives nothing twice, whatever shares a time',
    async (order) => {
      const symbol = newSymbol()
      const batch = (offset: number) =>
        tradeBatch(
          symbol,
          Array.from({ length: 20 }, (_, index) => entry(HOUR + Math.floor(index / 7))),
          { offset },
        )
      await opened().write(rows({ trades: [batch(1), batch(2), batch(3)] }))
      const whole = await readAll(opened(), 'trades', { symbols: [symbol], order })
      const paged: Tables['trades'][] = []
      for (;;) {
        const last = paged.at(-1)
        const page = await readAll(opened(), 'trades', {
          symbols: [symbol],
          order,
          limit: 7,
          ...(last === undefined ? {} : { after: last }),
        })
        if (page.length === 0) break
        paged.push(...page)
      }
      expect(whole).toHaveLength(60)
      expect(paged).toEqual(whole)
    },
  )

  test.each(['asc', 'desc'] as const)('rows of one millisecond go on over pages, %s', async (order) => {
    const symbol = newSymbol()
    const entries = Array.from({ length: 100 }, () => entry(HOUR))
    const trades = Array.from({ length: 35 }, (_, offset) => tradeBatch(symbol, entries, { offset }))
    await opened().write(rows({ trades }))
    const found = await readAll(opened(), 'trades', { symbols: [symbol], order })
    const places = found.map((row) => row.log_offset * 100 + row.log_index)
    const expected = Array.from({ length: 3500 }, (_, place) => place)
    expect(places).toEqual(order === 'asc' ? expected : expected.reverse())
  })

  test.each(['asc', 'desc'] as const)('candles go on behind a row, %s, over intervals and symbols', async (order) => {
    const symbols = [newSymbol(), newSymbol()]
    const candles = symbols.flatMap((symbol) =>
      (['1s', '1m'] as const).flatMap((interval) =>
        [0, 1, 2].map((n) => candleRow(symbol, { interval, open: HOUR + n * MINUTE })),
      ),
    )
    await opened().write(rows({ candles }))
    const query = { symbols, order, from: HOUR, to: HOUR + 2 * MINUTE }
    const whole = await readAll(opened(), 'candles', query)
    expect(whole).toHaveLength(8)
    for (const [index, after] of whole.entries())
      expect(await readAll(opened(), 'candles', { ...query, after })).toEqual(whole.slice(index + 1))
  })

  test('latest goes on behind a symbol', async () => {
    const [a, b] = [newSymbol(), newSymbol()]
    await opened().write(rows({ latest: [latestRow(a, HOUR), latestRow(b, HOUR)] }))
    const found = await readAll(opened(), 'latest', { symbols: [a, b], after: latestRow(a, HOUR - 1) })
    expect(found.map((row) => row.symbol)).toEqual([b])
  })

  test('symbols of any spelling are kept apart and found again', async () => {
    const mark = newSymbol()
    const spellings = ['IC MARKETS:1', `it's "1"`, 'a;--', 'Ünï', '東京', '🚀', '=1+1', 'A|B', 'a', 'A', '%', 'x,y\n']
    const symbols = spellings.map((spelling) => `${mark} ${spelling}`)
    await opened().write(
      rows({ trades: symbols.map((symbol, offset) => tradeBatch(symbol, [entry(HOUR)], { offset })) }),
    )
    for (const [offset, symbol] of symbols.entries()) {
      const found = await readAll(opened(), 'trades', { symbols: [symbol] })
      expect(found.map((row) => [row.symbol, row.log_offset])).toEqual([[symbol, offset]])
    }
    const all = await readAll(opened(), 'trades', { symbols: symbols.toReversed() })
    expect(all.map((row) => row.symbol)).toEqual(symbols.toSorted())
  })

  test('a symbol with price updates only is listed', async () => {
    const symbol = newSymbol()
    await opened().write(rows({ latest: [latestRow(symbol, HOUR)] }))
    expect(await opened().symbols()).toContain(symbol)
  })

  test('a limit is for the whole answer, and none is given at nought', async () => {
    const symbol = newSymbol()
    const windows = Array.from({ length: 5 }, (_, n) => windowRow(symbol, HOUR + n * 5_000))
    await opened().write(rows({ windows }))
    expect(await readAll(opened(), 'windows', { symbols: [symbol], limit: 3 })).toHaveLength(3)
    expect(await readAll(opened(), 'windows', { symbols: [symbol], limit: 0 })).toEqual([])
  })

  test('order is by symbol, interval and time', async () => {
    const [a, b] = [newSymbol(), newSymbol()]
    const candles = [
      candleRow(b, { interval: '1s', open: HOUR }),
      candleRow(a, { interval: '1m', open: HOUR }),
      candleRow(a, { interval: '1m', open: HOUR - MINUTE }),
    ]
    await opened().write(rows({ candles }))
    const found = await readAll(opened(), 'candles', { symbols: [a, b] })
    expect(found.map(({ symbol, open_ts }) => [symbol, open_ts])).toEqual([
      [a, HOUR - MINUTE],
      [a, HOUR],
      [b, HOUR],
    ])
  })

  test('only the intervals asked for', async () => {
    const symbol = newSymbol()
    const candles = (['1s', '1m', '1d'] as const).map((interval) =>
      candleRow(symbol, { interval, open: Date.UTC(2024, 2, 5) }),
    )
    await opened().write(rows({ candles }))
    const found = await readAll(opened(), 'candles', { symbols: [symbol], intervals: ['1d', '1s'] })
    expect(found.map(({ interval }) => interval).sort()).toEqual(['1d', '1s'])
  })

  test('windows are found by their end', async () => {
    const symbol = newSymbol()
    await opened().write(rows({ windows: [windowRow(symbol, HOUR), windowRow(symbol, HOUR + 5_000)] }))
    const found = await readAll(opened(), 'windows', { symbols: [symbol], from: HOUR, to: HOUR + 5_000 })
    expect(found.map((row) => row.window_end_ts)).toEqual([HOUR])
  })

  test('without a symbol every row is given', async () => {
    const symbol = newSymbol()
    await opened().write(rows({ windows: [windowRow(symbol, HOUR)] }))
    expect((await readAll(opened(), 'windows', {})).some((row) => row.symbol === symbol)).toBe(true)
  })

  test('every symbol with a trade is listed, sorted', async () => {
    const symbol = newSymbol()
    await opened().write(rows({ trades: [tradeBatch(symbol, [entry(HOUR)])] }))
    const symbols = await opened().symbols()
    expect(symbols).toContain(symbol)
    expect(symbols).toEqual([...symbols].sort())
  })

  test('a prune leaves what is young', async () => {
    const symbol = newSymbol()
    await opened().write(rows({ trades: [tradeBatch(symbol, [entry(HOUR)], { ingested: HOUR })] }))
    await opened().prune(HOUR + 1_000)
    expect(await readAll(opened(), 'trades', { symbols: [symbol] })).toHaveLength(1)
  })
}

const FIVE = INTERVAL_MS['5m']

/** What a partition's owner takes back: each clause of `Restored`, at its boundary. */
export function restoreCases(opened: () => Store): void {
  const restore = (query: Partial<RestoreQuery> & { partition: number }) =>
    opened().restore({ incarnation: INCARNATION, watermark: HOUR + MINUTE, processed: 100, ...query })

  describe('rollups', () => {
    test.each([
      ['that end at the watermark are taken', HOUR + MINUTE, 1],
      ['that end behind the watermark are not', HOUR + MINUTE - 1, 0],
      ['whose parent ends just behind the watermark are taken', HOUR + FIVE - 1, 1],
      ['whose parent ends at the watermark are not', HOUR + FIVE, 0],
    ])('%s', async (_name, watermark, count) => {
      const partition = newPartition()
      const row = rollupRow(newSymbol(), HOUR, { log_partition: partition })
      await opened().write(rows({ rollups: [row] }))
      const { rollups } = await restore({ partition, watermark })
      expect(rollups).toEqual(count === 1 ? [row] : [])
    })

    test.each(['5m', '15m', '1h'] as const)('of %s go into their own parent', async (interval) => {
      const partition = newPartition()
      const row = rollupRow(newSymbol(), Date.UTC(2024, 2, 5), { log_partition: partition, interval })
      await opened().write(rows({ rollups: [row] }))
      const end = Date.UTC(2024, 2, 5) + INTERVAL_MS[interval]
      expect((await restore({ partition, watermark: end })).rollups).toEqual([row])
      expect((await restore({ partition, watermark: end - 1 })).rollups).toEqual([])
    })

    test('come by their start, whatever their interval', async () => {
      const partition = newPartition()
      const row = (start: number, interval: '1m' | '5m') =>
        rollupRow(newSymbol(), start, { log_partition: partition, interval })
      const day = Date.UTC(2024, 2, 5)
      const later = [row(day + 2 * FIVE, '1m'), row(day + 2 * FIVE + MINUTE, '1m')]
      const earlier = [row(day, '5m'), row(day + FIVE, '5m')]
      await opened().write(rows({ rollups: [...later, ...earlier.toReversed()] }))
      const { rollups } = await restore({ partition, watermark: day + 2 * FIVE + 2 * MINUTE })
      expect(rollups).toEqual([...earlier, ...later])
    })

    test('of another partition or incarnation are not taken', async () => {
      const partition = newPartition()
      const other = rollupRow(newSymbol(), HOUR, { log_partition: newPartition() })
      const older = rollupRow(newSymbol(), HOUR, { log_partition: partition, incarnation: INCARNATION - 1 })
      await opened().write(rows({ rollups: [other, older] }))
      expect((await restore({ partition })).rollups).toEqual([])
    })
  })

  describe('late trades', () => {
    test.each([
      ['up to the processed offset are taken', { log_offset: 100 }, HOUR + MINUTE, 1],
      ['behind the processed offset are not', { log_offset: 101 }, HOUR + MINUTE, 0],
      ['that entered a minute are not', { entry_interval: '1m' as const }, HOUR + MINUTE, 0],
      ['that entered nothing are not', { entry_interval: '' as const }, HOUR + MINUTE, 0],
      ['whose candle ends just behind the watermark are taken', {}, HOUR + FIVE - 1, 1],
      ['whose candle ends at the watermark are not', {}, HOUR + FIVE, 0],
      ['that entered a day are taken for that day', { entry_interval: '1d' as const }, Date.UTC(2024, 2, 6) - 1, 1],
      ['that entered a day are not taken after it', { entry_interval: '1d' as const }, Date.UTC(2024, 2, 6), 0],
    ])('%s', async (_name, more, watermark, count) => {
      const partition = newPartition()
      const row = lateRow(newSymbol(), HOUR + 1, { log_partition: partition, ...more })
      await opened().write(rows({ late: [row] }))
      expect((await restore({ partition, watermark })).late).toEqual(count === 1 ? [row] : [])
    })

    test('come by their place in the log, whatever their time', async () => {
      const partition = newPartition()
      const row = (log_offset: number, log_index: number, t: number) =>
        lateRow(newSymbol(), t, { log_partition: partition, log_offset, log_index })
      const late = [row(1, 0, HOUR + 9), row(1, 1, HOUR + 3), row(2, 0, HOUR + 5), row(10, 0, HOUR + 1)]
      await opened().write(rows({ late: late.toReversed() }))
      expect((await restore({ partition })).late).toEqual(late)
    })

    test('of another partition or incarnation are not taken', async () => {
      const partition = newPartition()
      const other = lateRow(newSymbol(), HOUR, { log_partition: newPartition() })
      const older = lateRow(newSymbol(), HOUR, { log_partition: partition, incarnation: INCARNATION - 1 })
      await opened().write(rows({ late: [other, older] }))
      expect((await restore({ partition })).late).toEqual([])
    })
  })
}
