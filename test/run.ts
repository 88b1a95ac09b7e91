/**
 * `npm test`: formatting, lint, types, then every test, with the compiled executable built once for those that run it,
 * and one Kafka, one Cassandra and one Kubernetes for all of them, started beside the first steps. Stops at the first step
 * that fails, also because a secret of the tests (canary.ts) is in what it printed.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'

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
// A cluster or a browser beside two files' servers is what a small machine bears: with three files at a time, tests ran into
// limits that are for what hangs.
const LIMITS = ['--timeout=30000', '--max-concurrency=5']
// The slowest first, so that none is left over at the end. Taken anew: UPDATE_TIMINGS=1 npm test
const TIMINGS = ['--timings=test/timings.json', ...(process.env['UPDATE_TIMINGS'] ? ['--update-timings'] : [])]
const TESTS = ['bun', 'test', '--parallel=2', ...TIMINGS, ...LIMITS]
const PATTERNS = process.argv.slice(2)
const SIMULATION = 'test/simulation'

// What is printed passes through here, to be looked at: nobody below sees the terminal.
const COLOR: Readonly<Record<string, string>> = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}

const children = new Set<Bun.Subprocess>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    for (const child of children) child.kill(signal)
    // The servers go with this process.
    process.exit(130)
  })
process.on('exit', () => {
  for (const child of children) child.kill()
})

const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`

interface StepOptions {
  env?: Readonly<Record<string, string>>
  /** Only in the time that nobody else wants, and shown when it has ended. */
  isBeside?: boolean
}

/** Resolves when it went well. */
async function step(name: string, command: readonly string[], { env = {}, isBeside = false }: StepOptions = {}) {
  const startedAt = performance.now()
  const kept: Uint8Array[] = []
  const shown = isBeside ? { write: (chunk: Uint8Array) => kept.push(chunk) > 0 } : null
  const title = `\n── ${name}: ${command.join(' ')}\n`
  if (!isBeside) process.stdout.write(title)
  const running = Bun.spawn([...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...COLOR, ...env },
    detached: isBeside,
  })
  children.add(running)
  if (isBeside) giveWay(running.pid)
  const found = await Promise.all([
    handOn(running.stdout, shown ?? process.stdout),
    handOn(running.stderr, shown ?? process.stderr),
  ])
  const code = await running.exited
  children.delete(running)
  if (isBeside) process.stdout.write(Buffer.concat([Buffer.from(title), ...kept]))
  for (const trace of found.flat()) process.stderr.write(`a secret of the tests was printed: ${trace}\n`)
  const isWell = code === 0 && found.flat().length === 0
  process.stdout.write(`── ${name}: ${isWell ? 'ok' : 'FAILED'} in ${seconds(startedAt)}\n`)
  if (!isWell) process.exit(1)
}

/** Linux weighs sessions first, then the processes of each by how nice they are. */
function giveWay(pid: number): void {
  setPriority(pid, constants.priority.PRIORITY_LOW)
  const ofSession = `/proc/${pid}/autogroup`
  if (existsSync(ofSession)) writeFileSync(ofSession, String(constants.priority.PRIORITY_LOW))
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
if (process.env['UPDATE_TIMINGS'] && (missing ?? noCluster) !== null)
  throw new Error('UPDATE_TIMINGS: what is skipped takes no time')
const starting = Promise.resolve(services())
const startingCluster = cluster()
// Told when they are waited for.
starting.catch(() => {})
startingCluster.catch(() => {})
const isWhole = PATTERNS.length === 0
// It takes all processors that it gets, and others measure pauses.
const simulated = isWhole
  ? step('simulation', ['bun', 'test', '--timeout=600000', SIMULATION], { isBeside: true })
  : null
for (const [name, command] of CHECKS) await step(name, command)
const waitedFrom = performance.now()
await using shared = await starting
await using sharedCluster = await startingCluster
process.stdout.write(`\n── servers: waited ${seconds(waitedFrom)}\n`)
const which = isWhole ? [`--path-ignore-patterns=${SIMULATION}/**`] : PATTERNS
await step('tests', [...TESTS, ...which], { env: { ...shared.env, ...sharedCluster.env } })
await simulated
warn()
