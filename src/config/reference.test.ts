import { expect, test } from 'bun:test'

import { envOf } from './option.ts'
import { KEYS } from './options.ts'
import { reference, withReference } from './reference.ts'

test('every option is in the reference once', () => {
  const lines = reference().split('\n')
  for (const key of KEYS)
    expect([key, lines.filter((line) => line.includes(`\`${envOf(key)}\``)).length]).toEqual([key, 1])
})

test('every row has four cells', () => {
  const rows = reference()
    .split('\n')
    .filter((line) => line.startsWith('|'))
  for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(6)
})

test('what stands between the markers is replaced, the rest is left alone, and doing it twice changes nothing', () => {
  const readme = 'before\n<!-- options -->\nstale copy\n<!-- /options -->\nafter\n'
  const renewed = withReference(readme)
  expect(renewed).toStartWith('before\n<!-- options -->\n')
  expect(renewed).toEndWith('<!-- /options -->\nafter\n')
  expect(renewed).not.toContain('stale copy')
  expect(withReference(renewed ?? '')).toBe(renewed)
  expect(withReference('no markers')).toBeNull()
})
