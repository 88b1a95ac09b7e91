import { expectNoCanary } from './canary.ts'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const ROOT = join(import.meta.dir, '..')
export const BINARY = join(ROOT, 'dist', process.platform === 'win32' ? 'stockpipe.exe' : 'stockpipe')
export { fixture } from './fixture.ts'

if (!existsSync(BINARY)) throw new Error('dist/stockpipe is not there: npm test builds it, or run `bun build.ts`')

/** A folder of its own that is gone at the end of the scope. */
export function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'stockpipe-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** Only what the program needs: no token and no option of the tester's own shell. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', TZ: 'America/New_York' }

/** With it a program reaches this machine and no other. */
export const OFFLINE = { HTTPS_PROXY: 'http://127.0.0.1:9' }

export function start(args: readonly string[], env: Record<string, string> = {}, cwd: string = tmpdir()) {
  return Bun.spawn([BINARY, ...args], {
    cwd,
    env: { ...ENVIRONMENT, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** Runs the executable to its end. */
export async function stockpipe(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<Finished> {
  return finished(start(args, env, cwd))
}

/** All that a process writes, and how it ends. */
export async function finished(child: Bun.Subprocess<Bun.SpawnOptions.Writable, 'pipe', 'pipe'>): Promise<Finished> {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expectNoCanary('what stockpipe printed', stdout + stderr)
  return { code, stdout, stderr }
}

/** What was said, by the names that a test of many words wants: short ones. */
export const said = ({ code, stdout, stderr }: Finished) => ({ code, out: stdout, err: stderr })

/** A replay of a file into a folder, as fast as it goes, to the end. */
export const replayArgs = (file: string, folder: string, ...more: string[]): string[] => [
  'run',
  '--feed',
  'replay',
  '--replay-file',
  file,
  '--replay-speed',
  'max',
  '--exit-at-end',
  '--data-dir',
  folder,
  '--listen',
  '127.0.0.1:0',
  ...more,
]

export type Row = Record<string, string | number | boolean | null>

/** What `export` writes of a table in a data folder, as rows. */
export const exported = (table: string, folder: string): Promise<Row[]> => exportedBy([table, '--data-dir', folder])

/** What `export` writes, as rows. */
export async function exportedBy(words: readonly string[]): Promise<Row[]> {
  const { code, stdout, stderr } = await stockpipe(['export', ...words, '--format', 'ndjson'])
  if (code !== 0) throw new Error(stderr)
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row)
}
