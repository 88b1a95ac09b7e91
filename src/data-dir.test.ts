import { expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { manualClock } from './clock.ts'
import { existingOrigins, openDataDir, ownerOf } from './data-dir.ts'
import { StockpipeError } from './errors.ts'

const clock = manualClock(1)
const temporary = () => {
  const path = mkdtempSync(join(tmpdir(), 'stockpipe-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof StockpipeError ? error.code : String(error)
  }
}

test('a new folder is made for its owner only', () => {
  using temp = temporary()
  const path = join(temp.path, 'new', 'data')
  using folder = openDataDir({ path, origin: 'replay', clock })
  expect(statSync(folder.root).mode & 0o777).toBe(0o700)
  expect(statSync(folder.path).mode & 0o777).toBe(0o700)
})

test('a folder belongs to one process at a time, and is free again after kill -9', async () => {
  using temp = temporary()
  const program = `
    import { openDataDir } from ${JSON.stringify(join(import.meta.dir, 'data-dir.ts'))}
    import { systemClock } from ${JSON.stringify(join(import.meta.dir, 'clock.ts'))}
    globalThis.folder = openDataDir({ path: ${JSON.stringify(temp.path)}, origin: 'live', clock: systemClock })
    console.log('open')
    setInterval(() => {}, 1000)`
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe' })
  try {
    await child.stdout.getReader().read()
    expect(codeOf(() => openDataDir({ path: temp.path, origin: 'live', clock }))).toBe('in-use')
    expect(ownerOf(temp.path)).toEqual({ pid: child.pid })
  } finally {
    child.kill('SIGKILL')
  }
  await child.exited
  expect(ownerOf(temp.path)).toBeNull()
  openDataDir({ path: temp.path, origin: 'live', clock })[Symbol.dispose]()
})

test('a folder of something else is left alone', () => {
  using temp = temporary()
  writeFileSync(join(temp.path, 'thesis.tex'), '')
  expect(codeOf(() => openDataDir({ path: temp.path, origin: 'live', clock }))).toBe('data-dir')
})

test('a fresh volume is taken as empty', () => {
  using temp = temporary()
  mkdirSync(join(temp.path, 'lost+found'))
  expect(codeOf(() => openDataDir({ path: temp.path, origin: 'live', clock })[Symbol.dispose]())).toBe('no error')
})

test('a file in the place of the folder is refused', () => {
  using temp = temporary()
  const path = join(temp.path, 'file')
  writeFileSync(path, '')
  expect(codeOf(() => openDataDir({ path, origin: 'live', clock }))).toBe('data-dir')
})

test('a folder of a newer format is refused', () => {
  using temp = temporary()
  writeFileSync(join(temp.path, 'stockpipe.json'), '{"format":99}')
  expect(codeOf(() => openDataDir({ path: temp.path, origin: 'live', clock }))).toBe('data-dir')
})

test('data of one origin is not taken for another', () => {
  using temp = temporary()
  openDataDir({ path: temp.path, origin: 'simulated', clock })[Symbol.dispose]()
  renameSync(join(temp.path, 'simulated'), join(temp.path, 'live'))
  expect(codeOf(() => openDataDir({ path: temp.path, origin: 'live', clock }))).toBe('origin')
  openDataDir({ path: temp.path, origin: 'live', clock, allowMixed: true })[Symbol.dispose]()
})

test('readers are told which origins have data', () => {
  using temp = temporary()
  expect(codeOf(() => existingOrigins(temp.path))).toBe('data-dir')
  openDataDir({ path: temp.path, origin: 'live', clock })[Symbol.dispose]()
  mkdirSync(join(temp.path, 'replay'))
  writeFileSync(join(temp.path, 'replay', 'log.db'), '')
  expect(existingOrigins(temp.path)).toEqual(['replay'])
})
