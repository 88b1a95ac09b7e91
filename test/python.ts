import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Python with Kafka, Avro and Parquet libraries that share nothing with ours: another reader of what we write, another writer of
 * what we read. Kept from run to run in the user's cache folder.
 */
export interface Python {
  /** Runs a script of test/python with `input` as JSON, and resolves to the JSON that it prints. */
  run(script: string, input: unknown): Promise<unknown>
  /** For modules that are programs: scripts beside it name the folder that they were installed in first. */
  executable: string
}

const SCRIPTS = join(import.meta.dir, 'python')
const REQUIREMENTS = join(SCRIPTS, 'requirements.txt')
const INSTALL_MS = 300_000
const RUN_MS = 40_000

/** Null, and a line that says why, where it cannot be had; with `CI=true` an error instead. */
export async function openPython(): Promise<Python | null> {
  try {
    const executable = await install()
    return { run: (script, input) => run([executable, join(SCRIPTS, script)], input), executable }
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    console.warn(`\nSKIPPED: no Python with Kafka, Avro and Parquet: ${String(error).trim()}\n`)
    return null
  }
}

/** Into a folder of its own and then to its place in one step: several test processes may do so at once. */
async function install(): Promise<string> {
  const version = await output(['python3', '--version'])
  const wanted = Bun.hash(version + (await Bun.file(REQUIREMENTS).text())).toString(36)
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stockpipe-test-python')
  const home = join(cache, wanted)
  const executable = join('bin', 'python')
  if (await Bun.file(join(home, 'complete')).exists()) return join(home, executable)
  await mkdir(cache, { recursive: true })
  const workshop = await mkdtemp(join(cache, '.new-'))
  try {
    await output(['python3', '-m', 'venv', workshop])
    const pip = [join(workshop, executable), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    await output([...pip, '--requirement', REQUIREMENTS])
    await Bun.write(join(workshop, 'complete'), version)
    await rename(workshop, home).catch(async (error: unknown) => {
      if (!(await Bun.file(join(home, 'complete')).exists())) throw error
    })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
  return join(home, executable)
}

const output = (command: string[]): Promise<string> => spawn(command, { timeout: INSTALL_MS })

const run = async (command: string[], input: unknown): Promise<unknown> =>
  JSON.parse(await spawn(command, { input: JSON.stringify(input), timeout: RUN_MS }))

async function spawn(command: string[], { input = '', timeout }: { input?: string; timeout: number }): Promise<string> {
  const child = Bun.spawn(command, {
    stdin: new Blob([input]),
    stdout: 'pipe',
    stderr: 'pipe',
    timeout,
    env: { ...process.env, PYTHONUTF8: '1', PYTHONDONTWRITEBYTECODE: '1' },
  })
  const [printed, complaint, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} ended with ${code}: ${complaint.slice(-2_000)}`)
  return printed
}
