import { expect, test } from 'bun:test'

import { secretsOfUrl } from './config/secret-values.ts'
import { Secrets } from './secrets.ts'

const SECRET = 'Zq7"x/Pw9+long=Kt2 v'
const secrets = new Secrets(SECRET, null, undefined, 'abc')

test.each([
  ['as it is', SECRET],
  ['as JSON writes it', JSON.stringify(SECRET).slice(1, -1)],
  ['in a URL', encodeURIComponent(SECRET)],
  ['in a form', encodeURIComponent(SECRET).replaceAll('%20', '+')],
])('a secret %s is hidden', (_how, text) => {
  expect(secrets.hide(`before ${text} after ${text}`)).toBe('before *** after ***')
})

test.each(['', 'a', 'ab', 'abc', 'user:'])('in base64 behind %j nothing of it can be read', (before) => {
  for (const encoding of ['base64', 'base64url'] as const) {
    const shown = secrets.hide(Buffer.from(`${before}${SECRET}`).toString(encoding))
    expect(shown).toContain('***')
    // What is left at the edges is not a whole character of it.
    expect(shown.length).toBeLessThan(before.length * 2 + 8)
  }
})

test('its beginning is hidden where a text was cut', () => {
  expect(secrets.hide(`got "${SECRET.slice(0, 12)}..." there`)).toBe('got "***..." there')
  expect(secrets.hide(`got ${SECRET.slice(0, 9)}… and ${SECRET.slice(0, 8)}!`)).toBe(
    `got ***… and ${SECRET.slice(0, 8)}!`,
  )
})

test('of two secrets the longer is hidden whole, and short words stay', () => {
  const both = new Secrets('s3cret', 's3cret-and-more')
  expect(both.hide('s3cret-and-more, s3cret')).toBe('***, ***')
  expect(secrets.hide('abc')).toBe('abc')
})

test('what is learned later is hidden from then on', () => {
  const growing = new Secrets()
  expect(growing.hide('hunter2')).toBe('hunter2')
  growing.add('hunter2')
  expect(growing.hide('hunter2')).toBe('***')
})

test('in data the texts alone are looked at: whatever is secret, it stays data', () => {
  const words = new Secrets(SECRET, 'true', 'null', 'name')
  const data = { name: `is ${SECRET}`, all: [true, null, 4, { of: ['true', 'untold'] }] }
  expect(words.hideIn(data)).toEqual({ name: 'is ***', all: [true, null, 4, { of: ['***', 'untold'] }] })
})

test.each([
  ['http://me:p%40ssword@proxy:3128', ['me:p%40ssword', 'p%40ssword', 'p@ssword']],
  ['me:password@proxy:3128', ['me:password', 'password', 'password']],
  ['http://token-alone@proxy', ['token-alone:', 'token-alone', 'token-alone']],
  ['http://proxy:3128', []],
  ['not an address', []],
])('of the address %s %j is secret', (address, found) => {
  expect(secretsOfUrl(address)).toEqual(found)
})
