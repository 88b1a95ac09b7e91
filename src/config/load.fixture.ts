import { afterAll } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { loadSettings, type Sources } from '../config.ts'
import { StockpipeError, toWords } from '../errors.ts'

/** What the tests of the configuration share, in a folder that goes with the test file that asked for it. */
export function configFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-config-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  let files = 0
  const file = (text: string): string => {
    const path = join(folder, `file-${files++}.yaml`)
    writeFileSync(path, text)
    return path
  }

  const load = (sources: Partial<Sources> = {}) =>
    loadSettings({ command: 'run', flags: {}, env: {}, cwd: folder, ...sources })

  const errorOf = (sources: Partial<Sources>): StockpipeError => {
    try {
      load(sources)
    } catch (error) {
      if (error instanceof StockpipeError) return error
      throw error
    }
    throw new Error('nothing was refused')
  }
  const wordsOf = (sources: Partial<Sources>): string => toWords(errorOf(sources))
  return { folder, file, load, errorOf, wordsOf }
}
