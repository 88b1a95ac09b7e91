import { expect, test } from 'bun:test'

import { looksSecret, quoted } from './address.ts'

test.each([
  ['http://me:word@host', true],
  ['me:word@host, other', true],
  ['see me:word@host', true],
  ['https://host/?token=abc', true],
  ['https://host/a@b', false],
  ['12:30 at me@host', false],
  ['host:9092,other:9092', false],
  ['AAPL', false],
])('whether %s may hold a password: %p', (text, may) => {
  expect(looksSecret(text)).toBe(may)
})

// A pattern took a minute for each of these.
test('a long text is looked at once', () => {
  for (const text of ['A'.repeat(1_000_000), ':'.repeat(1_000_000), ' @'.repeat(500_000)])
    expect(looksSecret(text)).toBe(false)
  expect(looksSecret(`${'A'.repeat(1_000_000)}:b@`)).toBe(true)
  expect(quoted('a:b@c')).toBe('what seems to hold a password')
})
