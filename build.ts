#!/usr/bin/env bun
/**
 * Builds the executable: `bun build.ts` for this machine, `--all` or `--target NAME` for others.
 * `--image FILE.tar` writes a container image of it, too.
 */
import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { refuseOlderBun } from './build/bun-version.ts'
import { devDependencies, version } from './package.json' with { type: 'json' }

type Target = NonNullable<Bun.CompileBuildOptions['target']>

/** What each platform's executable is called. */
const TARGETS = {
  'linux-x64': 'bun-linux-x64',
  'linux-arm64': 'bun-linux-arm64',
  'linux-x64-musl': 'bun-linux-x64-musl',
  'linux-arm64-musl': 'bun-linux-arm64-musl',
  'darwin-arm64': 'bun-darwin-arm64',
  'darwin-x64': 'bun-darwin-x64',
  'windows-x64': 'bun-windows-x64',
} as const satisfies Record<string, Target>
type Name = keyof typeof TARGETS

const NAMES = Object.keys(TARGETS) as Name[]
/** Those that an image may be of. */
const ARCHITECTURES = { 'linux-x64': 'x64', 'linux-arm64': 'arm64' } as const
type ImageTarget = keyof typeof ARCHITECTURES
const ROOT = import.meta.dir

const suffix = (name: Name): string => (name.startsWith('windows') ? '.exe' : '')

/** This machine's target; on musl (Alpine) glibc's executable would not start. */
async function ownTarget(): Promise<Name> {
  const musl =
    process.platform === 'linux' && (await Array.fromAsync(new Bun.Glob('ld-musl-*').scan('/lib'))).length > 0
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `${platform}-${process.arch}${musl ? '-musl' : ''}`
  const known = NAMES.find((target) => target === name)
  if (known === undefined) throw new Error(`no target for ${name}; known: ${NAMES.join(', ')}`)
  return known
}

/** Where there is no repository, as in a container build, `STOCKPIPE_COMMIT` may say it. */
function commitOf(): string {
  return process.env['STOCKPIPE_COMMIT'] || (gitSays('rev-parse', '--short=12', 'HEAD') ?? 'unknown')
}

/** In seconds; the same for every build of a commit. */
function committedAt(): number {
  const text = process.env['SOURCE_DATE_EPOCH'] || (gitSays('log', '-1', '--format=%ct') ?? '0')
  if (!/^\d{1,11}$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH is ${text}; it must be seconds since 1970`)
  return Number(text)
}

/** What git says, where there is git and a repository. */
function gitSays(...args: string[]): string | undefined {
  if (Bun.which('git') === null) return undefined
  const git = Bun.spawnSync(['git', ...args], { cwd: ROOT, stderr: 'ignore' })
  return git.success ? git.stdout.toString().trim() : undefined
}

interface Build {
  name: Name
  /** Where the executable goes; what was there is replaced in one step. */
  file: string
  commit: string
}

/** Compiles beside its destination first: source maps fall there too, and a failed build leaves the old file alone. */
async function build({ name, file, commit }: Build): Promise<void> {
  const folder = resolve(file, '..')
  await mkdir(folder, { recursive: true })
  const workshop = await mkdtemp(join(folder, '.build-'))
  try {
    const outfile = join(workshop, `stockpipe${suffix(name)}`)
    await Bun.build({
      // A worker is found at run time only when it is an entry point of its own.
      entrypoints: [join(ROOT, 'src/main.ts'), join(ROOT, 'src/stream/store/worker.ts')],
      compile: { target: TARGETS[name], outfile, autoloadDotenv: false, autoloadBunfig: false },
      format: 'esm',
      minify: true,
      bytecode: true,
      splitting: true,
      sourcemap: 'linked',
      define: {
        STOCKPIPE_VERSION: JSON.stringify(version),
        STOCKPIPE_STORE_WORKER: JSON.stringify('./stream/store/worker.js'),
        STOCKPIPE_COMMIT: JSON.stringify(commit),
        STOCKPIPE_COMMITTED_AT: JSON.stringify(committedAt()),
        'process.env.NODE_ENV': '"production"',
      },
    })
    await chmod(outfile, 0o755)
    await rename(outfile, file)
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  refuseOlderBun(Bun.version, devDependencies.bun)
  const { values } = parseArgs({
    options: {
      single: { type: 'boolean' },
      all: { type: 'boolean' },
      target: { type: 'string', multiple: true },
      outdir: { type: 'string', default: 'dist' },
      image: { type: 'string' },
      'image-tag': { type: 'string', default: `stockpipe:${version}` },
      libc: { type: 'string', default: '/' },
    },
  })
  const unknown = (values.target ?? []).find((name) => !NAMES.some((known) => known === name))
  if (unknown !== undefined) throw new Error(`unknown target ${unknown}; known: ${NAMES.join(', ')}`)
  const outdir = resolve(values.outdir)
  const fileOf = (name: Name): string => join(outdir, `stockpipe-${name}${suffix(name)}`)
  const image = values.image === undefined ? undefined : await planImage(values.target, values)
  const named = new Set<Name>(values.all ? NAMES : NAMES.filter((name) => values.target?.includes(name)))
  const wanted = named.union(new Set(image?.targets))
  const commit = commitOf()
  for (const name of wanted) await report(fileOf(name), (file) => build({ name, file, commit }))
  if (wanted.size === 0 || values.single) {
    const own = await ownTarget()
    await report(join(outdir, `stockpipe${suffix(own)}`), (file) => build({ name: own, file, commit }))
  }
  if (image !== undefined) await report(resolve(values.image ?? ''), (file) => image.write(file, fileOf))
}

interface ImagePlan {
  /** Those whose executables it needs. */
  targets: readonly ImageTarget[]
  write(file: string, executableOf: (name: Name) => string): Promise<void>
}

/** Without a target it is for this machine's processor. What is wrong is found before anything is built. */
async function planImage(
  named: readonly string[] = [`linux-${process.arch}`],
  { 'image-tag': tag, libc }: { 'image-tag': string; libc: string },
): Promise<ImagePlan> {
  const known = Object.keys(ARCHITECTURES) as ImageTarget[]
  const impossible = named.find((name) => !known.some((target) => target === name))
  if (impossible !== undefined) throw new Error(`no image of ${impossible}; there may be one of ${known.join(', ')}`)
  const targets = known.filter((target) => named.includes(target))
  // Not at the top: a container build has the packages that run, not those that make images.
  const { checkImage, writeImage } = await import('./build/image.ts')
  const wishes = { tag, libcRoot: libc, createdAt: committedAt() }
  await checkImage(
    targets.map((name) => ARCHITECTURES[name]),
    wishes,
  )
  return {
    targets,
    write(file, executableOf) {
      const executables = targets.map((name) => ({ architecture: ARCHITECTURES[name], file: executableOf(name) }))
      return writeImage(file, { ...wishes, executables })
    },
  }
}

async function report(file: string, work: (file: string) => Promise<void>): Promise<void> {
  const start = performance.now()
  await work(file)
  const { size } = await stat(file)
  console.log(`${file}  ${(size / 1e6).toFixed(1)} MB  ${((performance.now() - start) / 1_000).toFixed(1)} s`)
}

try {
  await main()
} catch (error) {
  if (error instanceof AggregateError) for (const one of error.errors) console.error(one)
  console.error(error instanceof Error ? `error: ${error.message}` : error)
  process.exitCode = 1
}
