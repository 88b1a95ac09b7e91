import { expect, test } from 'bun:test'

import { candleRow, entry, HOUR, latestRow, newSymbol, readAll, rows, tradeBatch } from './store.contract-rows.ts'
import type { TableName } from './store.ts'
import { type CataloguedStore, READ_AS, type StoredTable } from './store/catalog.ts'

const PUBLIC = ['trades', 'running_averages_15_sec', 'candles', 'late_trades', 'latest', 'gaps']

/** Run last: the rows of the other cases are there. */
export function catalogCases(opened: () => CataloguedStore): void {
  const tables = async () => (await opened().catalog.survey()).tables
  const tableOf = async (name: string) => (await tables()).find((table) => table.name === name) as StoredTable

  test('its catalog lists every table that can be read, and internal ones that cannot', async () => {
    const found = await tables()
    expect(found.slice(0, PUBLIC.length).map(({ name }) => name)).toEqual(PUBLIC)
    for (const { name, readAs } of found) expect([name, readAs]).toEqual([name, READ_AS[name] ?? null])
    expect(found.some(({ readAs }) => readAs === null)).toBe(true)
    for (const table of Object.values(READ_AS) satisfies TableName[])
      expect(await readAll(opened(), table, { symbols: [newSymbol()] })).toEqual([])
  })

  test('its catalog says of every figure that is not known why, and of an estimate how', async () => {
    const { bytes, tables } = await opened().catalog.survey()
    for (const figure of [bytes, ...tables.flatMap((table) => [table.bytes, table.rows])]) {
      if (figure.value === null || figure.isEstimate) expect(figure.note).toMatch(/\w{4}/)
      if (figure.value !== null) expect(figure.value).toBeGreaterThanOrEqual(0)
    }
  })

  test('its catalog says how long rows are kept, and that it is so once there are rows', async () => {
    const symbol = newSymbol()
    await opened().write(
      rows({
        trades: [tradeBatch(symbol, [entry(HOUR)])],
        candles: [candleRow(symbol, { interval: '1s', open: HOUR }), candleRow(symbol, { interval: '1m', open: HOUR })],
        latest: [latestRow(symbol, HOUR)],
      }),
    )
    const WEEK = 7 * 86_400_000
    expect((await tableOf('trades')).kept).toMatchObject([{ rows: '', wantedMs: WEEK, inForce: 'as-set' }])
    expect((await tableOf('candles')).kept).toMatchObject([
      { rows: '1s', wantedMs: WEEK, inForce: 'as-set' },
      { rows: '1m and longer', wantedMs: null, inForce: 'as-set' },
    ])
    expect((await tableOf('latest')).kept).toEqual([])
  })
}
