/** Memory of every role under twice the expected load, and while Cassandra is away. */
import { readFileSync } from 'node:fs'

import { afterAll, expect, test } from 'bun:test'

import { expectFiveChecks } from './checks.ts'
import { deploy } from './deployment.ts'
import { megabytes, note, seconds } from './figures.ts'
import { isFull, LIMIT_MS, size } from './sizes.ts'
import type { Running } from '../running.ts'
import { startCassandra } from '../services/cassandra.ts'
import { startKafka } from '../services/kafka.ts'
import { canStartServices } from '../services/services.ts'

/** The expected rate is half of it. */
const RATE = size('MEMORY_RATE', 800, 2_000)
const LOAD_MS = size('LOAD_MS', 10_000, 1_800_000)
const AWAY_MS = size('AWAY_MS', 8_000, 600_000)
/** Heaps grow to their working size first. */
const WARM_MS = size('WARM_MS', 5_000, 300_000)
const SAMPLE_MS = 1_000
/** A role may never hold more, whatever happens, bytes. */
const MOST = 700e6
/** Growth of a warm role, bytes a minute; a short run shows only its noise. */
const MOST_A_MINUTE = 2e6

const canRun = canStartServices() && process.platform === 'linux'
const servers = canRun ? { kafka: await startKafka(), cassandra: await startCassandra() } : null
afterAll(async () => {
  await Promise.all([servers?.kafka.stop(), servers?.cassandra.stop()])
}, 30_000)

interface Sample {
  at: number
  bytes: number
}

/** Samples the resident memory of processes for a while. */
async function sample(roles: Readonly<Record<string, Running>>, ms: number): Promise<Map<string, Sample[]>> {
  const samples = new Map(Object.keys(roles).map((role): [string, Sample[]] => [role, []]))
  const end = Date.now() + ms
  while (Date.now() < end) {
    for (const [role, { child }] of Object.entries(roles))
      samples.get(role)?.push({ at: Date.now(), bytes: residentBytes(child.pid) })
    await Bun.sleep(SAMPLE_MS)
  }
  return samples
}

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

/** Of the line through the samples with the least squares, bytes a minute. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(samples.map(({ at }) => at)), mean(samples.map(({ bytes }) => bytes))]
  const above = samples.reduce((sum, { at, bytes }) => sum + (at - x) * (bytes - y), 0)
  return (60_000 * above) / samples.reduce((sum, { at }) => sum + (at - x) ** 2, 0)
}

function report(what: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
  for (const [role, values] of samples) {
    const most = Math.max(...values.map(({ bytes }) => bytes))
    const grows = slope(values)
    note('memory', `${role}, ${what}`, `${megabytes(most)} at most, ${(grows / 1e6).toFixed(2)} MB/min`)
    expect(most).toBeLessThan(MOST)
  }
}

test.skipIf(servers === null)(
  `memory stays flat under load, and bounded while Cassandra is away; nothing is lost`,
  async () => {
    if (servers === null) return
    await using deployment = await deploy({ servers, rate: RATE })
    const { newest } = deployment
    const roles = { producer: deployment.producer(), processor: deployment.processor(), api: deployment.api() }
    await newest.upToDate()
    await Bun.sleep(WARM_MS)
    const load = await sample(roles, LOAD_MS)
    report(`${RATE} trades/s for ${seconds(LOAD_MS)}`, load)
    if (isFull) for (const samples of load.values()) expect(slope(samples)).toBeLessThan(MOST_A_MINUTE)
    servers.cassandra.pause()
    const away = await sample(roles, AWAY_MS)
    servers.cassandra.resume()
    report(`Cassandra away for ${seconds(AWAY_MS)}`, away)
    const backAt = Date.now()
    await newest.upToDate()
    note('memory', 'after the outage', `up to date after ${seconds(Date.now() - backAt)}`)
    const ending = { producer: roles.producer, processors: [roles.processor] }
    const { trades, windows } = await expectFiveChecks(deployment, ending)
    expect(await roles.api.stop()).toBe(0)
    note('memory', 'five checks', `${trades} trades, ${windows} windows and candles: no difference`)
  },
  LIMIT_MS,
)
