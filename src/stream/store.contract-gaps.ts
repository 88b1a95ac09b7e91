import { expect, test } from 'bun:test'

import { gapRow, HOUR, MINUTE, newSymbol, readAll, rows, unstamped } from './store.contract-rows.ts'
import type { Query, Store, Tables } from './store.ts'

const MIDNIGHT = Date.UTC(2024, 2, 6)

/** The ledger of gaps: ranges find what overlaps them. */
export function gapCases(opened: () => Store): void {
  const write = (...gaps: ReturnType<typeof gapRow>[]) => opened().write(rows({ gaps }))
  const read = (query: Query<Tables['gaps']>) => readAll(opened(), 'gaps', query)
  const starts = async (query: Query<Tables['gaps']>) => (await read(query)).map((row) => row.from_ts)

  test('a gap reads back with every column exact', async () => {
    const row = gapRow(newSymbol(), HOUR, { detail: 'närke: "x"' })
    await write(row)
    expect(await read({ symbols: [row.symbol] })).toEqual([unstamped(row)])
  })

  test('a range finds the gaps that overlap it, half open', async () => {
    const symbol = newSymbol()
    await write(gapRow(symbol, HOUR), gapRow(symbol, HOUR + 10 * MINUTE))
    const found = (from: number, to: number) => starts({ symbols: [symbol], from, to })
    expect(await found(HOUR + 30_000, HOUR + 30_001)).toEqual([HOUR])
    expect(await found(HOUR + MINUTE - 1, HOUR + 10 * MINUTE + 1)).toEqual([HOUR, HOUR + 10 * MINUTE])
    expect(await found(HOUR + MINUTE, HOUR + 10 * MINUTE)).toEqual([])
    expect(await found(HOUR - MINUTE, HOUR)).toEqual([])
    expect(await starts({ symbols: [symbol], from: HOUR + 30_000 })).toEqual([HOUR, HOUR + 10 * MINUTE])
    expect(await starts({ symbols: [symbol], to: HOUR + 10 * MINUTE })).toEqual([HOUR])
  })

  test.each(['asc', 'desc'] as const)('overlap is decided over days and pages, %s', async (order) => {
    const symbol = newSymbol()
    const minutes = Array.from({ length: 6 }, (_, minute) => MIDNIGHT - 3 * MINUTE + minute * MINUTE)
    const causes = ['outage', 'restart', 'stall']
    await write(...minutes.flatMap((from) => causes.map((cause) => gapRow(symbol, from, { cause }))))
    const range = { symbols: [symbol], from: MIDNIGHT - 2 * MINUTE - 1, to: MIDNIGHT + 2 * MINUTE, order }
    const whole = await read(range)
    const paged: Tables['gaps'][] = []
    for (;;) {
      const after = paged.at(-1)
      const page = await read({ ...range, limit: 4, ...(after && { after }) })
      if (page.length === 0) break
      paged.push(...page)
    }
    const expected = minutes.slice(0, 5).flatMap((from) => causes.map((cause) => `${from} ${cause}`))
    expect(whole.map(({ from_ts, cause }) => `${from_ts} ${cause}`)).toEqual(
      order === 'asc' ? expected : expected.reverse(),
    )
    expect(paged).toEqual(whole)
  })

  test('of two gaps with one beginning and cause the longer stays, whatever the order', async () => {
    const symbol = newSymbol()
    await write(gapRow(symbol, HOUR, { to_ts: HOUR + 9 }))
    await write(gapRow(symbol, HOUR, { to_ts: HOUR + 5 }))
    await write(gapRow(symbol, HOUR, { to_ts: HOUR + 5, cause: 'stall' }))
    const ends = (await read({ symbols: [symbol] })).map(({ cause, to_ts }) => [cause, to_ts])
    expect(ends).toEqual([
      ['outage', HOUR + 9],
      ['stall', HOUR + 5],
    ])
  })

  test('the gaps of all symbols come in order of the symbols', async () => {
    const symbols = [newSymbol(), newSymbol()]
    await write(...symbols.toReversed().map((symbol) => gapRow(symbol, HOUR)))
    const found = (await read({ from: HOUR, to: HOUR + 1 })).map(({ symbol }) => symbol)
    expect(found.filter((symbol) => symbols.includes(symbol))).toEqual(symbols)
    expect(await starts({ symbols, limit: 1 })).toHaveLength(1)
  })
}
