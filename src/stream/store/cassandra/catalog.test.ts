import { expect, test } from 'bun:test'

import { judge } from './catalog.ts'

const DAY = 86_400_000
const kept = (wantedMs: number | null, ttlMs: number | null | undefined, defaultMs = 0) => {
  const { inForce, note } = judge({ rows: '', wantedMs, interval: null }, ttlMs, defaultMs)
  return [inForce, note]
}

test('a newest row that lives no longer than it is to is as set; a longer or an endless life differs', () => {
  expect(kept(7 * DAY, 7 * DAY - 1_000)).toEqual(['as-set', 'the newest row expires in about 7 d'])
  expect(kept(7 * DAY, 90_000)).toEqual(['as-set', 'the newest row expires in about 90 s'])
  expect(kept(DAY, 36 * 3_600_000)).toEqual(['differs', 'the newest row expires in about 36 h'])
  expect(kept(DAY, null)).toEqual(['differs', 'the newest row never expires'])
})

test('rows that are to stay for ever and do not differ; without a row nobody can tell', () => {
  expect(kept(null, null)).toEqual(['as-set', null])
  expect(kept(null, 30 * DAY)).toEqual(['differs', 'the newest row expires in about 30 d'])
  expect(kept(null, undefined)).toEqual(['unknown', 'no row that could tell'])
})

test("a TTL of the table's own is told", () => {
  const own = "rows written without a TTL live 3 d, by the table's own default"
  expect(kept(null, undefined, 3 * DAY)).toEqual(['unknown', `no row that could tell; ${own}`])
})
