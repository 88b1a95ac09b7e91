import { expect, test } from 'bun:test'

import { withReference } from '../src/config/reference.ts'
import { README } from './readme.ts'

test('the options in README are those of the program (bun test/readme.ts renews them)', async () => {
  const readme = await Bun.file(README).text()
  expect(readme).toContain('<!-- options -->')
  expect(readme).toContain('<!-- /options -->')
  expect(readme).toBe(withReference(readme) ?? '')
})
