import { describe, expect, test } from 'bun:test'

import { INTERVAL_MS } from '../trade.ts'
import {
  candleRow,
  entry,
  HOUR,
  INCARNATION,
  lateRow,
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

  test('what is older than retention goes, what is young stays', async () => {
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

    test('of another partition or incarnation are not taken', async () => {
      const partition = newPartition()
      const other = lateRow(newSymbol(), HOUR, { log_partition: newPartition() })
      const older = lateRow(newSymbol(), HOUR, { log_partition: partition, incarnation: INCARNATION - 1 })
      await opened().write(rows({ late: [other, older] }))
      expect((await restore({ partition })).late).toEqual([])
    })
  })
}
