/**
 * `npm test`: formatting, lint, types, then every test, with the compiled executable built once for those that run it,
 * and one Kafka, one Cassandra and one Kubernetes for all of them, started beside the first steps. Stops at the first step
 * that fails, also because a secret of the tests (canary.ts) is in what it printed.
 */
import { handOn } from './canary.ts'
import { whyUnavailable } from './services/java.ts'
import { startCluster } from './cluster/cluster.ts'
import { CLUSTER_VARIABLE, whyNoCluster } from './cluster/means.ts'
import { CASSANDRA_VARIABLE, KAFKA_VARIABLE, type SharedServices, startShared, UNAVAILABLE } from './services/shared.ts'

const CHECKS: readonly (readonly [string, readonly string[]])[] = [
  ['format', ['oxfmt', '--check', '.']],
  ['lint', ['oxlint', '--type-aware', '--deny-warnings']],
  ['types', ['tsc']],
  ['build', ['bun', 'build.ts', '--single']],
]
// Two files at a time, with the servers that they start, are what a small machine bears: with three, tests with a browser
// or a cluster ran into limits that are for what hangs.
const LIMITS = ['--timeout=30000', '--max-concurrency=5']
// The slowest first, so that none is left over at the end. Taken anew: UPDATE_TIMINGS=1 npm test
const TIMINGS = ['--timings=test/timings.json', ...(process.env['UPDATE_TIMINGS'] ? ['--update-timings'] : [])]
const TESTS = ['bun', 'test', '--parallel=2', ...TIMINGS, ...LIMITS]
// It computes all the time and waits for nobody, so it takes what the others leave of the processors.
const SIMULATION = 'test/simulation'
const BESIDE: readonly string[] = ['nice', '-n', '19', 'bun', 'test', ...LIMITS, SIMULATION]
const PATTERNS = process.argv.slice(2)

// What is printed passes through here, to be looked at: nobody below sees the terminal.
const COLOR: Readonly<Record<string, string>> = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}

const children = new Set<Bun.Subprocess>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    for (const child of children) child.kill(signal)
    // The servers go with this process.
    process.exit(130)
  })

const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`

interface Shown {
  write: (bytes: string | Uint8Array) => boolean
}

/** Runs it and hands on what it prints. Whether it went well, and printed no secret. */
async function step(
  name: string,
  command: readonly string[],
  {
    env = {},
    out = process.stdout,
    err = process.stderr,
  }: { env?: Record<string, string>; out?: Shown; err?: Shown } = {},
): Promise<boolean> {
  const startedAt = performance.now()
  out.write(`\n── ${name}: ${command.join(' ')}\n`)
  const child = Bun.spawn([...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...COLOR, ...env },
  })
  children.add(child)
  const shown = await Promise.all([handOn(child.stdout, out), handOn(child.stderr, err)])
  const code = await child.exited
  children.delete(child)
  for (const trace of shown.flat()) err.write(`a secret of the tests was printed: ${trace}\n`)
  const isWell = code === 0 && shown.flat().length === 0
  out.write(`── ${name}: ${isWell ? 'ok' : 'FAILED'} in ${seconds(startedAt)}\n`)
  return isWell
}

/** The same, beside others: it is shown as a whole once it has ended. */
async function stepBeside(name: string, command: readonly string[]): Promise<boolean> {
  const kept: (string | Uint8Array)[] = []
  const keep: Shown = { write: (bytes) => kept.push(bytes) > 0 }
  const isWell = await step(name, command, { out: keep, err: keep })
  for (const bytes of kept) process.stdout.write(bytes)
  return isWell
}

/** Those of the environment, when it names some. */
function services(): Promise<SharedServices> | SharedServices {
  const given = (env: Record<string, string>): SharedServices => ({ env, [Symbol.asyncDispose]: async () => {} })
  if (process.env[KAFKA_VARIABLE] && process.env[CASSANDRA_VARIABLE]) return given({})
  if (missing !== null) return given({ [KAFKA_VARIABLE]: UNAVAILABLE, [CASSANDRA_VARIABLE]: UNAVAILABLE })
  return startShared()
}

/** A cluster of this run, or what tells test files that there is none. */
async function cluster(): Promise<SharedServices> {
  const given = (value: string) => ({ env: { [CLUSTER_VARIABLE]: value }, [Symbol.asyncDispose]: async () => {} })
  const there = process.env[CLUSTER_VARIABLE]
  if (there?.startsWith('/')) return given(there)
  if (noCluster !== null) return given(UNAVAILABLE)
  const started = await startCluster()
  return { env: { [CLUSTER_VARIABLE]: started.root }, [Symbol.asyncDispose]: () => started.stop() }
}

const missing = whyUnavailable()
const noCluster = whyNoCluster()
const warn = () => {
  if (missing !== null) console.warn(`\nSKIPPED: NOT TESTED with real Kafka and Cassandra: ${missing}`)
  if (noCluster !== null) console.warn(`\nSKIPPED: NOT TESTED on a real Kubernetes: ${noCluster}`)
}
warn()
const starting = Promise.resolve(services())
const startingCluster = cluster()
// Told when they are waited for.
starting.catch(() => {})
startingCluster.catch(() => {})
for (const [name, command] of CHECKS) if (!(await step(name, command))) process.exit(1)
const waitedFrom = performance.now()
await using shared = await starting
await using sharedCluster = await startingCluster
process.stdout.write(`\n── servers: waited ${seconds(waitedFrom)}\n`)
const env = { ...shared.env, ...sharedCluster.env }
const areWell =
  PATTERNS.length > 0
    ? [await step('tests', [...TESTS, ...PATTERNS], { env })]
    : await Promise.all([
        stepBeside('simulation', BESIDE),
        step('tests', [...TESTS, `--path-ignore-patterns=${SIMULATION}/**`], { env }),
      ])
warn()
if (areWell.includes(false)) process.exitCode = 1
