import { expect, test } from 'bun:test'

import { parseFrame } from './frame.ts'

const good = { c: ['1', '8'], p: 317.5, s: 'AAPL', t: 1_787_924_136_086, v: 1 }
const frame = (...data: unknown[]) => JSON.stringify({ data, type: 'trade' })
const kindOf = (text: string) => parseFrame(text).kind

test('entries keep their order and lose what is not theirs', () => {
  const parsed = parseFrame(
    frame({ ...good, x: 'Q' }, { ...good, c: null, v: 0 }, { p: 1, s: 'IC MARKETS:1', t: 5, v: 1e-7 }),
  )
  expect(parsed).toEqual({
    kind: 'trade',
    entries: [good, { ...good, c: null, v: 0 }, { c: null, p: 1, s: 'IC MARKETS:1', t: 5, v: 1e-7 }],
    rejected: [],
  })
})

test.each([
  ['symbol', { ...good, s: '' }],
  ['symbol', { ...good, s: 7 }],
  ['price', { ...good, p: 0 }],
  ['price', { ...good, p: -1 }],
  ['price', { ...good, p: '317.5' }],
  ['time', { ...good, t: 1.5 }],
  ['time', { ...good, t: 0 }],
  ['time', { ...good, t: 4_102_444_800_000 }],
  ['volume', { ...good, v: -1 }],
  ['volume', { c: null, p: 1, s: 'A', t: 1 }],
  ['conditions', { ...good, c: 'x' }],
  ['conditions', { ...good, c: [1] }],
  ['conditions', { ...good, c: [null] }],
  ['symbol', null],
  ['symbol', 'text'],
])('an entry with a wrong %s is rejected alone', (reason, bad) => {
  expect(parseFrame(frame(good, bad, good))).toEqual({
    kind: 'trade',
    entries: [good, good],
    rejected: [{ index: 1, reason: reason as never }],
  })
})

test('numbers too large for a double are no prices', () => {
  expect(parseFrame('{"type":"trade","data":[{"s":"A","p":1e999,"t":1,"v":1}]}')).toMatchObject({
    rejected: [{ reason: 'price' }],
  })
})

test('other frames are told apart', () => {
  expect(kindOf('{"type":"ping"}')).toBe('ping')
  expect(parseFrame('{"msg":"Subscribing to too many symbols","type":"error"}')).toEqual({
    kind: 'error',
    message: 'Subscribing to too many symbols',
  })
  expect(parseFrame('{"type":"error"}')).toEqual({ kind: 'error', message: 'no reason given' })
  expect(parseFrame('{"type":"news","data":[]}')).toEqual({ kind: 'other', type: 'news' })
  expect(parseFrame('{"data":[{"p":1}]}')).toEqual({ kind: 'other', type: 'none' })
})

test.each([
  'Bad Gateway',
  '',
  '{"data":[{"c":["1"],"p":317.5',
  '[{"type":"ping"}]',
  'null',
  '7',
  '{"type":"trade"}',
  '{"type":"trade","data":null}',
  '{"received":"x","conn":0,"frame":"{}"}',
  '{"received":1,"conn":0}',
])('nothing can be made of %p', (text) => {
  expect(kindOf(text)).toBe('malformed')
})
