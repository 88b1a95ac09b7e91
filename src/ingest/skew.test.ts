import { expect, test } from 'bun:test'

import { SkewEstimate } from './skew.ts'

const frames = (count: number, ahead: number) =>
  Array.from({ length: count }, (_, index) => ({ t: 1_000_000 + index + ahead, received: 1_000_000 + index }))

test('a clock that is behind is known after twenty trades', () => {
  const skew = new SkewEstimate(null)
  const estimates = frames(30, 6_000).map(({ t, received }) => skew.observe([{ t }], received))
  expect(estimates.slice(0, 20)).toEqual(Array(20).fill(0))
  expect(estimates[20]).toBe(6_000)
})

test('a delay is no skew', () => {
  const skew = new SkewEstimate(null)
  for (const { t, received } of frames(50, -800)) skew.observe([{ t }], received)
  expect(skew.current()).toBe(0)
})

test('the handshake counts at once, and where it says more', () => {
  const skew = new SkewEstimate(9_000)
  expect(skew.observe([{ t: 1 }], 1)).toBe(9_000)
  for (const { t, received } of frames(50, 2_000)) skew.observe([{ t }], received)
  expect(skew.current()).toBe(9_000)
})

test('one print from the future moves nothing', () => {
  const skew = new SkewEstimate(null)
  for (const { t, received } of frames(99, 10)) skew.observe([{ t }], received)
  skew.observe([{ t: 9_000_000 }], 1_000)
  expect(skew.current()).toBe(10)
})

test('a server that is behind is known by its handshake alone, for people: no trade is judged by it', () => {
  const skew = new SkewEstimate(-4_000)
  expect([skew.offset(), skew.current()]).toEqual([-4_000, 0])
  for (const { t, received } of frames(50, -4_010)) skew.observe([{ t }], received)
  expect([skew.offset(), skew.current()]).toEqual([-4_000, 0])
  for (const { t, received } of frames(100, 300)) skew.observe([{ t }], received)
  expect(skew.offset()).toBe(300)
})
