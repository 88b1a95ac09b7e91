import { expect, test } from 'bun:test'

import { canonicalSchema } from './canonical-schema.ts'

const form = (schema: unknown): string => canonicalSchema(JSON.stringify(schema))

test('what does not decide the bytes is left out', () => {
  const plain = { type: 'record', name: 'a.b.Trade', fields: [{ name: 'p', type: 'double' }] }
  const wordy = {
    namespace: 'a.b',
    doc: 'one trade',
    fields: [{ type: { type: 'double' }, doc: 'its price', default: 0, name: 'p', order: 'ignore' }],
    name: 'Trade',
    aliases: ['Print'],
    type: 'record',
  }
  expect(form(wordy)).toBe(form(plain))
})

test('a name without a namespace is of the record around it', () => {
  const inner = (name: string) => ({ type: 'array', items: { type: 'record', name, fields: [] } })
  const outer = (name: string, again: string) => ({
    type: 'record',
    name: 'x.outer',
    fields: [
      { name: 'a', type: inner(name) },
      { name: 'b', type: again },
    ],
  })
  expect(form(outer('inner', 'inner'))).toBe(form(outer('x.inner', 'x.inner')))
  expect(form(outer('inner', 'inner'))).not.toBe(form(outer('y.inner', 'y.inner')))
})

test.each([
  ['another type', 'double', 'float'],
  ['the order of a union', ['null', 'string'], ['string', 'null']],
  [
    'another symbol of an enum',
    { type: 'enum', name: 'e', symbols: ['A'] },
    { type: 'enum', name: 'e', symbols: ['B'] },
  ],
  ['another size', { type: 'fixed', name: 'f', size: 1 }, { type: 'fixed', name: 'f', size: 2 }],
  ['a map for an array', { type: 'map', values: 'int' }, { type: 'array', items: 'int' }],
  [
    'the order of fields',
    { type: 'record', name: 'r', fields: ['a', 'b'].map((name) => ({ name, type: 'int' })) },
    { type: 'record', name: 'r', fields: ['b', 'a'].map((name) => ({ name, type: 'int' })) },
  ],
])('%s is another schema', (_, one, other) => {
  expect(form(one)).not.toBe(form(other))
})

test.each([
  '',
  '{',
  'null',
  '7',
  '{}',
  '{"type":"record"}',
  '{"type":"record","name":"r"}',
  '{"type":"record","name":"r","fields":[{}]}',
  '{"type":"record","name":"no name","fields":[]}',
  '"1st"',
])('%p is no schema', (text) => {
  expect(() => canonicalSchema(text)).toThrow()
})

test('a text that is nested without end is no schema either', () => {
  expect(() => canonicalSchema(`${'['.repeat(30_000)}7${']'.repeat(30_000)}`)).toThrow()
})
