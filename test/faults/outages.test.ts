/** Servers and processes that die, are halted or restarted under load; Kafka and Cassandra of these tests' own. */
import { afterAll, expect, test } from 'bun:test'

import { expectFiveChecks } from './checks.ts'
import { Acknowledged } from './acknowledged.ts'
import { deploy, isReady, kill, metric } from './deployment.ts'
import { note, seconds } from './figures.ts'
import { report, sample, slope } from './memory.ts'
import { isFull, LIMIT_MS, moment, size, spread } from './sizes.ts'
import type { Running } from '../running.ts'
import { startCassandra } from '../services/cassandra.ts'
import { startKafka } from '../services/kafka.ts'
import { canStartServices } from '../services/services.ts'

const RATE = size('OUTAGE_RATE', 250, 2_000)
const CASSANDRA_KILLS = size('CASSANDRA_KILLS', 1, 10)
const PRODUCER_KILLS = size('PRODUCER_KILLS', 2, 10)
const HALT_MS = size('HALT_MS', 5_000, 30_000)
/** Twice what is expected. */
const MEMORY_RATE = size('MEMORY_RATE', 500, 2_000)
const LOAD_MS = size('LOAD_MS', 8_000, 1_800_000)
const AWAY_MS = size('AWAY_MS', 8_000, 600_000)
/** Heaps grow to their working size first. */
const WARM_MS = size('WARM_MS', 0, 300_000)
/** Growth of a warm role, bytes a minute; a short run shows only its noise. */
const MOST_A_MINUTE = 2e6
/** Commits wait for as long on a Cassandra with its default commit log; a loss shows by then. */
const DURABLE_MS = 20_000

async function startServers() {
  const [kafka, cassandra] = await Promise.all([startKafka(), startCassandra()])
  return { kafka, cassandra }
}

const servers = canStartServices() ? await startServers() : null
afterAll(async () => {
  await Promise.all([servers?.kafka.stop(), servers?.cassandra.stop()])
}, 30_000)

type Servers = NonNullable<typeof servers>

/** A deployment that is under way. */
async function underWay({ kafka, cassandra }: Servers, rate = RATE) {
  const deployment = await deploy({ servers: { kafka, cassandra }, rate })
  const roles = { producer: deployment.producer(), processor: deployment.processor(), api: deployment.api() }
  await deployment.newest.upToDate()
  return { deployment, roles }
}

function faulty(name: string, work: (servers: Servers) => Promise<void>): void {
  // No Java, no servers: test/services says so, and fails where CI is set.
  test.skipIf(servers === null)(name, () => work(servers as Servers), LIMIT_MS)
}

faulty(
  `a Cassandra with its default commit log that is killed ${CASSANDRA_KILLS} times ends with every row`,
  async (servers) => {
    const { deployment, roles } = await underWay(servers)
    await using _deployment = deployment
    const { newest } = deployment
    const took: number[] = []
    for (let round = 0; round < CASSANDRA_KILLS; round++) {
      await Bun.sleep(moment(2_000, isFull ? 15_000 : 5_000))
      await servers.cassandra.kill()
      await Bun.sleep(moment(0, 2_000))
      await servers.cassandra.restart()
      const upAt = Date.now()
      await newest.upToDate()
      const ms = Date.now() - upAt
      took.push(ms)
      note('Cassandra killed', `round ${round + 1}`, `up to date ${seconds(ms)} after it served`)
    }
    await Bun.sleep(DURABLE_MS)
    const rewinds = await metric(roles.processor, 'rewinds_total')
    const { trades, windows } = await expectFiveChecks(deployment, {
      producer: roles.producer,
      processors: [roles.processor],
    })
    expect(await roles.api.stop()).toBe(0)
    const { median, max } = spread(took)
    note(
      'Cassandra killed',
      `${CASSANDRA_KILLS} times at ${RATE} trades/s`,
      `up to date ${seconds(median)} (median), ${seconds(max)} (longest) after it served; ${rewinds} partitions went back`,
    )
    note('Cassandra killed', 'five checks', `${trades} trades, ${windows} windows and candles: no difference`)
    expect(rewinds).toBeGreaterThan(0)
  },
)

faulty(
  `a producer that is killed ${PRODUCER_KILLS} times while the broker flaps loses nothing that it acknowledged`,
  async (servers) => {
    const { deployment, roles } = await underWay(servers)
    await using _deployment = deployment
    let { producer } = roles
    await using acknowledged = new Acknowledged(producer)
    const flapping = new AbortController()
    const flaps = flap(servers.kafka, flapping.signal)
    for (let round = 0; round < PRODUCER_KILLS; round++) {
      await Bun.sleep(moment(1_000, 8_000))
      await kill(producer)
      producer = deployment.producer()
      acknowledged.follow(producer)
    }
    await Bun.sleep(moment(1_000, 4_000))
    flapping.abort()
    const outages = await flaps
    await deployment.newest.upToDate()
    const ending = { producer, processors: [roles.processor], isFeedCut: true, mayCopy: true }
    const { trades, windows, copies, missed, sessions } = await expectFiveChecks(deployment, ending)
    expect(acknowledged.missingIn(sessions)).toEqual([])
    note(
      'producer killed',
      `${PRODUCER_KILLS} times at ${RATE} trades/s, broker away ${outages} times`,
      `${acknowledged.total} trades seen acknowledged, all there; ${copies} records sent again, none twice; ${missed} trades nobody received`,
    )
    note('producer killed', 'five checks', `${trades} trades, ${windows} windows and candles: no difference`)
  },
)

/** Halts, kills and restarts the broker in turn until told to end. Resolves to how often. */
async function flap(kafka: Servers['kafka'], signal: AbortSignal): Promise<number> {
  const ways = [
    async () => {
      kafka.pause()
      await Bun.sleep(moment(500, 3_000))
      kafka.resume()
    },
    async () => {
      await kafka.kill()
      await Bun.sleep(moment(0, 2_000))
      await kafka.restart()
    },
    () => kafka.restart(),
  ]
  let count = 0
  for (; !signal.aborted; count++) {
    await Bun.sleep(moment(500, 4_000))
    await ways[count % ways.length]?.()
  }
  return count
}

faulty(
  `each process and each server halted for ${HALT_MS / 1_000} s, killed and restarted: all goes on`,
  async (servers) => {
    const { deployment, roles } = await underWay(servers)
    await using _deployment = deployment
    const { newest } = deployment
    let { api } = roles
    const suffer = async (what: string, work: () => Promise<unknown>) => {
      await work()
      note('halted and restarted', what, `fresh trades stored ${seconds(await newest.fresh())} after it was over`)
    }
    const halt = async ({ pause, resume }: { pause: () => void; resume: () => void }) => {
      pause()
      await Bun.sleep(HALT_MS)
      resume()
    }
    const halted = ({ child }: Running) => ({ pause: () => child.kill('SIGSTOP'), resume: () => child.kill('SIGCONT') })
    await suffer('producer halted', () => halt(halted(roles.producer)))
    await suffer('processor halted', () => halt(halted(roles.processor)))
    await suffer('api halted', () => halt(halted(api)))
    await isReady(api)
    await suffer('Kafka halted', () => halt(servers.kafka))
    await suffer('Cassandra halted', () => halt(servers.cassandra))
    await suffer('Kafka restarted', () => servers.kafka.restart())
    await suffer('Cassandra restarted', () => servers.cassandra.restart())
    await suffer('api killed', () => kill(api))
    api = deployment.api()
    await isReady(api)
    await isReady(roles.processor)
    const ending = { producer: roles.producer, processors: [roles.processor], isFeedCut: true }
    const { trades, windows, missed } = await expectFiveChecks(deployment, ending)
    expect(await api.stop()).toBe(0)
    note(
      'halted and restarted',
      'five checks',
      `${trades} trades, ${windows} windows and candles: no difference; ${missed} trades nobody received`,
    )
  },
)

faulty('memory stays flat under load, and bounded while Cassandra is away; nothing is lost', async (servers) => {
  const { deployment, roles } = await underWay(servers, MEMORY_RATE)
  await using _deployment = deployment
  await Bun.sleep(WARM_MS)
  const load = await sample(roles, LOAD_MS)
  report(`${MEMORY_RATE} trades/s for ${seconds(LOAD_MS)}`, load)
  if (isFull) for (const samples of load.values()) expect(slope(samples)).toBeLessThan(MOST_A_MINUTE)
  servers.cassandra.pause()
  const away = await sample(roles, AWAY_MS)
  servers.cassandra.resume()
  report(`Cassandra away for ${seconds(AWAY_MS)}`, away)
  const backAt = Date.now()
  await deployment.newest.upToDate()
  note('memory', 'after the outage', `up to date after ${seconds(Date.now() - backAt)}`)
  const ending = { producer: roles.producer, processors: [roles.processor] }
  const { trades, windows } = await expectFiveChecks(deployment, ending)
  expect(await roles.api.stop()).toBe(0)
  note('memory', 'five checks', `${trades} trades, ${windows} windows and candles: no difference`)
})
