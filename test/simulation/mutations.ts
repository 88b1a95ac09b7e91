/**
 * `bun test/simulation/mutations.ts [WORDS]`: breaks a copy of the engine on purpose, each time in one way (those whose
 * names hold WORDS), and shows which seed notices. Ends with 1 when one is not noticed.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { changed } from './change.ts'
import { type Mutation, MUTATIONS } from './mutations.list.ts'
import type { Report } from './worker.ts'

const ROOT = join(import.meta.dir, '..', '..')
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 4_000)
const AT_ONCE = 2
/** A broken engine may also never come to an end. */
const LIMIT_MS = 900_000

/** A copy of what the simulator needs, broken. */
function brokenCopy(mutation: Mutation): string {
  const files = changed(mutation)
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-mutation-'))
  for (const part of ['src', 'test', 'package.json', 'tsconfig.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const [file, text] of files) writeFileSync(join(folder, file), text)
  return folder
}

interface Verdict {
  name: string
  isCaught: boolean
  words: string
}

async function judge(mutation: Mutation): Promise<Verdict> {
  const folder = brokenCopy(mutation)
  const { name } = mutation
  try {
    const { test } = mutation
    const simulated = [join(folder, 'test/simulation/worker.ts'), '1', '1', String(SEEDS)]
    const command = [process.execPath, ...(test === undefined ? simulated : ['test', test])]
    await using child = Bun.spawn(command, { cwd: folder, stdout: 'pipe', stderr: 'pipe', timeout: LIMIT_MS })
    const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    if (test !== undefined) return judgeTests(name, { test, output: errors })
    if ((await child.exited) !== 0) return { name, isCaught: errors !== '', words: `it crashes: ${firstLine(errors)}` }
    const { failed, seeds } = JSON.parse(output) as Report
    if (failed === null) return { name, isCaught: false, words: `NOT CAUGHT in ${seeds} seeds` }
    return { name, isCaught: true, words: `caught by seed ${failed.seed} after ${seeds}: ${told(failed.failure)}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function judgeTests(name: string, { test, output }: { test: string; output: string }): Verdict {
  const [failed] = output.split('\n').filter((line) => line.startsWith('(fail)'))
  return {
    name,
    isCaught: failed !== undefined,
    words: `${failed ?? 'NOT CAUGHT'} in ${test}`.replace('(fail) ', 'caught by: '),
  }
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''

/** The first of the differences, or what went wrong. */
function told(failure: string): string {
  const [first = '', second = ''] = failure.split('\n')
  return (first.endsWith('differences:') ? second : first.replace(/^Error: /, '')).slice(0, 110)
}

const wanted = MUTATIONS.filter(({ name }) => name.includes(process.argv[2] ?? ''))
const waiting = [...wanted]
const verdicts: Verdict[] = []
const work = async (): Promise<void> => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const verdict = await judge(next)
    verdicts.push(verdict)
    console.log(`${verdict.isCaught ? 'ok  ' : 'FAIL'} ${verdict.name.padEnd(52)} ${verdict.words}`)
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, work))
const missed = verdicts.filter(({ isCaught }) => !isCaught).length
console.log(`${verdicts.length - missed} of ${verdicts.length} mutations caught`)
process.exit(missed === 0 ? 0 : 1)
