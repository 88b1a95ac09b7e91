import { expect, test } from 'bun:test'

import { countWords, type Figure, formatBytes, keptWords, notesOf, sizeWords } from './storage-table.ts'

const figure = (more: Partial<Figure>): Figure => ({ value: 1_536, is_estimate: false, note: null, ...more })

test.each([
  [0, '0'],
  [1_023, '1023 B'],
  [4_096, '4.0 KiB'],
  [602_112, '588 KiB'],
  [1_287_651_328, '1.2 GiB'],
])('%d bytes read %s', (bytes, words) => expect(formatBytes(bytes)).toBe(words))

test('an estimate says about, what is not known says so, and each reason is told once', () => {
  expect(sizeWords(figure({}))).toBe('1.5 KiB')
  expect(sizeWords(figure({ is_estimate: true, note: 'in MiB' }))).toBe('about 1.5 KiB')
  const unknown = figure({ value: null, note: 'not counted' })
  expect(countWords(unknown)).toBe('not known')
  const table = {
    table: 't',
    can_be_read: true,
    bytes: figure({ is_estimate: true, note: 'in MiB' }),
    rows: unknown,
    kept: [],
  }
  expect(notesOf({ bytes: figure({ note: 'all of it' }), tables: [table, table] })).toEqual([
    'Size estimated: in MiB',
    'Size: all of it',
    'Rows not known: not counted',
  ])
})

test('how long rows are kept is told with which rows, and with a word where the store does otherwise', () => {
  const kept = { rows: '', wanted_ms: null, in_force: 'as-set', note: null } as const
  expect(keptWords(kept)).toBe('for ever')
  expect(keptWords({ ...kept, rows: '1s', wanted_ms: 7 * 86_400_000 })).toBe('1s: 7 d')
  expect(keptWords({ ...kept, wanted_ms: 86_400_000, in_force: 'differs' })).toBe('1 d, but not so')
})
