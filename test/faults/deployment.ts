import { join } from 'node:path'

import { Client, policies } from 'cassandra-driver'

import { Newest } from './newest.ts'
import { temporaryFolder } from '../binary.ts'
import type { ServerAddresses } from '../market.ts'
import { openMarket } from '../market.ts'
import { readiness, running, type Running, until } from '../running.ts'
import { partitionOf } from '../../src/stream/broker/partitioner.ts'

export const PARTITIONS = 12

/** Two of every partition, traded at all hours. */
export const SYMBOLS: readonly string[] = Array.from({ length: PARTITIONS }, (_, partition) => {
  const names = Array.from({ length: 1_000 }, (_, index) => `BINANCE:S${index}USDT`)
  return names.filter((name) => partitionOf(name, PARTITIONS) === partition).slice(0, 2)
}).flat()

const BASE = ['--listen', '127.0.0.1:0', '--symbols', SYMBOLS.join()]
/** What makes a stream that is hard to get right. */
const NASTY = ['--late', '0.003,20s', '--disorder', '200ms', '--zero-volume', '0.01']

export interface DeploymentOptions {
  servers: ServerAddresses
  /** Trades a second. */
  rate: number
}

/** A simulated market that writes down what it sends, and the three roles as processes of their own. */
export type Deployment = Awaited<ReturnType<typeof deploy>>

/** Starts the market; roles start when they are told to. */
export async function deploy({ servers, rate }: DeploymentOptions) {
  const opened = new AsyncDisposableStack()
  const folder = opened.use(temporaryFolder())
  const market = openMarket(servers)
  opened.defer(async () => {
    // A server that a test left away has nothing to clean up.
    await Promise.allSettled([market[Symbol.asyncDispose]()])
  })
  const truth = join(folder.path, 'truth.ndjson')
  const simulator = opened.use(running(['simulate', ...BASE, ...NASTY, '--rate', String(rate), '--truth', truth]))
  const feed = await until(
    () => /ws:\S+/.exec(simulator.printed())?.[0],
    (found) => found !== undefined || simulator.child.exitCode !== null,
  )
  const client = opened.adopt(clientOf(servers), (client) => client.shutdown())
  const newest = opened.use(new Newest({ client, keyspace: market.name, symbols: SYMBOLS, partitions: PARTITIONS }))
  const start = (role: string, ...args: string[]) =>
    opened.use(running(['run', '--role', role, ...BASE, '--partitions', String(PARTITIONS), ...market.log, ...args]))
  return {
    servers,
    market,
    client,
    newest,
    simulator,
    truth,
    producer: () => start('producer', '--finnhub-url', String(feed), '--data-dir', join(folder.path, 'producer')),
    processor: () => start('processor', ...market.store),
    api: () => start('api', ...market.store),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** One that is back soon after an outage; the driver's own waits for minutes. */
function clientOf({ cassandra }: ServerAddresses): Client {
  return new Client({
    contactPoints: [...cassandra.contactPoints],
    localDataCenter: cassandra.datacenter,
    protocolOptions: { port: cassandra.port },
    socketOptions: { readTimeout: 30_000 },
    policies: { reconnection: new policies.reconnection.ConstantReconnectionPolicy(500) },
  })
}

/** Waits until /readyz is content. */
export async function isReady(run: Running): Promise<void> {
  const url = await run.url()
  await until(
    () => readiness(url).catch(() => ({ status: 0 })),
    ({ status }) => status === 200 || run.child.exitCode !== null,
  )
}

/** Sum of a metric over its labels. */
export async function metric(run: Running, name: string): Promise<number> {
  const text = await (await fetch(`${await run.url()}/metrics`)).text()
  const values = [...text.matchAll(new RegExp(`^stockpipe_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}

export async function kill(run: Running): Promise<void> {
  run.child.kill('SIGKILL')
  await run.child.exited
}
