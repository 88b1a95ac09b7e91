import { expect, test } from 'bun:test'

import { patched } from './patch.ts'

test('maps are merged, and null takes a key away', () => {
  expect(patched({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: null, e: 4 } })).toEqual({ a: { c: 2, e: 4 }, d: 3 } as never)
})

test('lists of named things are merged by name, others are replaced', () => {
  const target = {
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
    args: ['a', 'b'],
  }
  const patch = {
    env: [
      { name: 'B', value: '3' },
      { name: 'C', value: '4' },
    ],
    args: ['c'],
  }
  expect(patched(target, patch)).toEqual({
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '3' },
      { name: 'C', value: '4' },
    ],
    args: ['c'],
  })
})

test('an item that is marked so goes', () => {
  const target = {
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
  }
  expect(patched(target, { env: [{ name: 'A', $patch: 'delete' }] })).toEqual({ env: [{ name: 'B', value: '2' }] })
  expect(patched(target, { env: [{ name: 'C', $patch: 'delete' }] })).toEqual(target)
})

test('neither side is changed', () => {
  const target = { a: { b: [1] }, env: [{ name: 'A', value: '1' }] }
  const patch = { a: { b: [2] }, env: [{ name: 'A', value: '2' }] }
  patched(target, patch)
  expect([target, patch]).toEqual([
    { a: { b: [1] }, env: [{ name: 'A', value: '1' }] },
    { a: { b: [2] }, env: [{ name: 'A', value: '2' }] },
  ])
})

test('a key of that name is a key like any other', () => {
  const result = patched({}, JSON.parse('{"__proto__": {"polluted": true}}') as object)
  expect('polluted' in {}).toBe(false)
  expect(Object.keys(result)).toEqual(['__proto__'])
})
