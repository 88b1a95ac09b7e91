import { expect, test } from 'bun:test'

import type { Entry } from '../../trade.ts'
import { Deliveries } from './deliveries.ts'

const entriesOf = (count: number): Entry[] =>
  Array.from({ length: count }, (_none, index) => ({ c: null, p: 1, s: 'X:Y', t: index + 1, v: 1 }))

const read = (text: string): { data: Entry[]; type: string } => JSON.parse(text)

test('a frame has the keys in the order of the wire', () => {
  const [frame] = new Deliveries(1, 1).pack([{ c: null, p: 1.5, s: 'BINANCE:BTCUSDT', t: 1, v: 0.01 }])
  expect(frame?.text).toBe('{"data":[{"c":null,"p":1.5,"s":"BINANCE:BTCUSDT","t":1,"v":0.01}],"type":"trade"}')
})

test.each([1, 2, 3] as const)('every entry is delivered %i times and its copies are named', (repeats) => {
  const deliveries = new Deliveries(repeats, 5)
  const frames = [...deliveries.pack(entriesOf(450)), ...deliveries.pack([])]
  const times = new Map<number, number>()
  for (const { text, repeats: copies } of frames) {
    const { data } = read(text)
    expect(data.length).toBeLessThanOrEqual(400)
    data.forEach(({ t }, index) => {
      expect(copies.includes(index)).toBe(times.has(t))
      times.set(t, (times.get(t) ?? 0) + 1)
    })
  }
  expect(times.size).toBe(450)
  expect([...times.values()].every((count) => count === repeats)).toBe(true)
  expect(deliveries.pack([])).toEqual([])
})

test('copies come in the same frame and in the next one', () => {
  const deliveries = new Deliveries(2, 5)
  const [first] = deliveries.pack(entriesOf(50))
  const [second] = deliveries.pack([])
  expect(first?.repeats.length).toBeGreaterThan(10)
  expect(second?.repeats.length).toBe(50 - (first?.repeats.length ?? 0))
})
