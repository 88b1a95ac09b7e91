import { expect, test } from 'bun:test'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { refuseOlderBun } from './bun-version.ts'

test.each([
  ['1.4.5', '1.4.5'],
  ['1.4.10', '1.4.9'],
  ['2.0.0', '1.4.5'],
])('Bun %s builds what is tested with %s', (present, wanted) => refuseOlderBun(present, wanted))

test.each([
  ['1.4.4', '1.4.5'],
  ['1.4.9', '1.4.10'],
  ['1.3.20', '1.4.5'],
])('Bun %s does not build what is tested with %s', (present, wanted) => {
  expect(() => refuseOlderBun(present, wanted)).toThrow(`npm install --global bun@${wanted}`)
})

test('the build itself refuses, before it makes anything', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-test-'))
  try {
    const root = join(import.meta.dir, '..')
    for (const name of ['build.ts', 'build', 'package.json'])
      cpSync(join(root, name), join(folder, name), { recursive: true })
    const built = (): string =>
      Bun.spawnSync([process.execPath, 'build.ts', '--target', 'none'], { cwd: folder }).stderr.toString()
    expect(built()).toContain('unknown target none')
    const text = readFileSync(join(folder, 'package.json'), 'utf8')
    writeFileSync(join(folder, 'package.json'), text.replace(/"bun": "[^"]+"/, '"bun": "99.0.0"'))
    expect(built()).toBe(`error: Bun ${Bun.version} is too old to build with: 99.0.0 or newer is needed
  why: the executable holds the Bun that builds it, and the project is tested with that one
  try: npm install --global bun@99.0.0
`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
