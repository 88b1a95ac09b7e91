import { expect, test } from 'bun:test'
import { parse } from 'yaml'

import { parseDocuments, toYaml } from './yaml.ts'

/** Texts that some reader of YAML takes for something else. */
const TRICKY =
  'yes no on off y n true null ~ 1 0 007 0o17 0x1F 1e3 1_000 1.0 .5 +1 -1 .inf .nan 12:30 2026-11-28 = << & * ! % @ ` - a:b a: #c |x >x {} [] "q" \'q\''.split(
    ' ',
  )
const object = (data: unknown) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data })

test('texts stay texts, for readers of YAML 1.1 and 1.2', () => {
  const data = Object.fromEntries(
    [...TRICKY, '', ' lead', 'trail ', 'a\nb\n', 'a\n\n b', 'tab\there'].map((text) => [
      `k${text.length}${text}`,
      text,
    ]),
  )
  const text = toYaml([object(data)])
  for (const read of [
    (it: string) => parse(it, { version: '1.1' }) as unknown,
    (it: string) => parse(it, { version: '1.2' }) as unknown,
    (it: string) => Bun.YAML.parse(it),
    (it: string) => parseDocuments(it, 'it')[0],
  ])
    expect(read(text)).toEqual(object(data))
})

test('texts of several lines are blocks, long ones stay in one line, and nothing is an alias', () => {
  const shared = { a: 'b' }
  const text = toYaml([object({ script: 'one\ntwo\n', long: 'word '.repeat(60).trim(), x: shared, y: shared })])
  expect(text).toContain('script: |\n    one\n    two\n')
  expect(text).not.toMatch(/[&*]a1/)
  expect(text.split('\n').some((line) => line.length > 300)).toBe(true)
})

test('several objects are several documents', () => {
  const text = toYaml([object({}), object({})])
  expect(parseDocuments(text, 'it')).toEqual([object({}), object({})])
})
