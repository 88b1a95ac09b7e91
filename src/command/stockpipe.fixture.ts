import { join } from 'node:path'

import { expectNoCanary } from '../../test/canary.ts'

export interface Ran {
  code: number
  out: string
  err: string
}

/** The words that start the program from source. */
export const PROGRAM = [process.execPath, join(import.meta.dir, '../main.ts')] as const

/** Runs the program in `cwd` with nothing but PATH and `env` in its environment, and resolves when it has ended. */
export async function runStockpipe(
  words: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Readonly<Record<string, string>> },
): Promise<Ran> {
  const child = Bun.spawn([...PROGRAM, ...words], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expectNoCanary('what stockpipe printed', out + err)
  return { code, out, err }
}
