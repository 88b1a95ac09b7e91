import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { whyNoImage } from './image.ts'

test('from source there is no executable that an image could hold', async () => {
  expect(await whyNoImage()).toBe('only an executable for Linux can put itself into an image')
})

// Elsewhere it is said already that only Linux can.
test.skipIf(process.platform !== 'linux')('a Linux without the GNU C library has none for an image', async () => {
  const root = mkdtempSync(join(tmpdir(), 'stockpipe-test-'))
  try {
    expect(await whyNoImage({ root, createdAt: 1 })).toMatch(/^no GNU C library for \w+ below \S+$/)
  } finally {
    rmSync(root, { recursive: true })
  }
})
