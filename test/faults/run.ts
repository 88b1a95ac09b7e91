/**
 * `npm run test:faults [-- PATTERN]`: the fault suite at its full size, hours of it, then its figures as a table. A
 * pattern names scenarios; `FAULT_<SIZE>` in the environment changes a size (test/faults/*.test.ts list them).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { FIGURES_VARIABLE, readFigures, tableOf } from './figures.ts'

const [pattern] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'stockpipe-faults-'))
const figures = join(folder, 'figures.ndjson')
writeFileSync(figures, '')
// Servers of scenarios are away for as long as processes are halted.
const env = { ...process.env, FAULTS: 'full', OUTAGE_S: '30', [FIGURES_VARIABLE]: figures }
const FILES = ['test/faults', 'test/faults.test.ts', 'test/server-faults.test.ts']

async function step(command: readonly string[]): Promise<number> {
  const child = Bun.spawn([...command], { stdio: ['ignore', 'inherit', 'inherit'], env })
  return child.exited
}

const built = await step(['bun', 'build.ts', '--single'])
// One after the other: pauses are measured.
const tests = ['bun', 'test', '--max-concurrency=1', ...FILES, ...(pattern === undefined ? [] : ['-t', pattern])]
const code = built === 0 ? await step(tests) : built
console.log(`\n${tableOf(readFigures(figures))}`)
rmSync(folder, { recursive: true })
process.exit(code)
