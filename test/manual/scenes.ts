/** The scenes in which blocks of the manual are run; see `scene.ts`. Each is named by the comment above a block. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from './blocks.ts'
import type { Scene } from './scene.ts'
import { BINARY, replayArgs, stockpipe, temporaryFolder } from '../binary.ts'
import { canary } from '../canary.ts'
import { openMarket, type ServerAddresses } from '../market.ts'
import { running, until } from '../running.ts'
import { systemClock } from '../../src/clock.ts'
import { startSimulator } from '../../src/ingest/simulator/simulator.ts'
import { silentLog } from '../../src/telemetry.ts'

/** What a block without a comment gets: a pipeline of made-up prices runs, and its folder is the current one. */
export const USUAL = ''

export const SCENES = {
  [USUAL]: beside,
  'on a stopped pipeline': stopped,
  'in an empty folder': empty,
  'in a checkout': checkout,
  'on a simulated Finnhub': simulatedFinnhub,
  'on servers': onServers,
} as const
export type SceneName = keyof typeof SCENES

/** Opened when first asked for. What is changed by a block is made anew for each. */
export class Scenes implements AsyncDisposable {
  readonly #open = new AsyncDisposableStack()
  readonly #kept = new Map<SceneName, Promise<Scene>>()
  readonly #servers: () => ServerAddresses | null

  constructor(servers: () => ServerAddresses | null) {
    this.#servers = servers
  }

  get(name: SceneName): Promise<Scene> {
    const found = this.#kept.get(name)
    if (found !== undefined) return found
    const made = SCENES[name](this.#open, this.#servers())
    if (name === USUAL || name === 'on servers') this.#kept.set(name, made)
    return made
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#open.disposeAsync()
  }
}

const SYMBOL = 'BINANCE:BTCUSDT'
const TOKEN = canary('finnhub')
const ADDRESS = '127.0.0.1:8080'

function folderOf(open: AsyncDisposableStack): string {
  const { path } = open.use(temporaryFolder())
  mkdirSync(join(path, 'dist'))
  symlinkSync(BINARY, join(path, 'dist', 'stockpipe'))
  writeFileSync(join(path, 'day.ndjson'), DAY)
  writeFileSync(join(path, 'token.txt'), `${TOKEN}\n`)
  return path
}

async function beside(open: AsyncDisposableStack): Promise<Scene> {
  const folder = folderOf(open)
  const run = open.use(running(['run', '--data-dir', join(folder, 'stockpipe-data'), '--listen', '127.0.0.1:0']))
  const url = await run.url()
  const rows = async () =>
    ((await (await fetch(`${url}/v1/windows?symbol=${SYMBOL}`)).json()) as { data: unknown[] }).data
  await until(rows, ({ length }) => length > 10)
  return { folder, names: { [ADDRESS]: new URL(url).host } }
}

async function stopped(open: AsyncDisposableStack): Promise<Scene> {
  const folder = folderOf(open)
  const data = join(folder, 'stockpipe-data')
  const { code, stderr } = await stockpipe(replayArgs(join(folder, 'day.ndjson'), data, '--partitions', '1'))
  if (code !== 0) throw new Error(stderr)
  return { folder, env: { STOCKPIPE_PARTITIONS: '1' } }
}

function empty(open: AsyncDisposableStack): Promise<Scene> {
  return Promise.resolve({ folder: folderOf(open) })
}

/** The folder of the sources; what a start makes there is elsewhere. */
async function checkout(open: AsyncDisposableStack): Promise<Scene> {
  const scene = await simulatedFinnhub(open)
  const { STOCKPIPE_FINNHUB_URL: url = '' } = scene.env ?? {}
  const env = { STOCKPIPE_DATA_DIR: join(scene.folder, 'data'), npm_config_ignore_scripts: 'true' }
  // Only with a token is there a feed to name.
  const names = { 'STOCKPIPE_FINNHUB_TOKEN=...': `STOCKPIPE_FINNHUB_URL=${url} STOCKPIPE_FINNHUB_TOKEN=${TOKEN}` }
  return { folder: ROOT, logs: scene.folder, env, names }
}

async function simulatedFinnhub(open: AsyncDisposableStack): Promise<Scene> {
  const simulator = open.use(await startSimulator({ port: 0 }, { clock: systemClock, log: silentLog }))
  return { folder: folderOf(open), env: { STOCKPIPE_FINNHUB_URL: simulator.url } }
}

/** Topic, group and keyspace of its own; what is not made yet the first block makes. */
function onServers(open: AsyncDisposableStack, servers: ServerAddresses | null): Promise<Scene> {
  if (servers === null) throw new Error('skipped without servers')
  const { name } = open.use(openMarket(servers))
  return Promise.resolve({
    folder: folderOf(open),
    env: {
      STOCKPIPE_KAFKA_TOPIC: name,
      STOCKPIPE_KAFKA_GROUP: name,
      STOCKPIPE_CASSANDRA_KEYSPACE: name,
      STOCKPIPE_CASSANDRA_PORT: String(servers.cassandra.port),
    },
    names: serverNames(servers),
  })
}

/** As the manual calls the servers, and where they are. */
export const serverNames = ({ kafka, cassandra }: ServerAddresses): Record<string, string> => ({
  'kafka:9092': kafka.brokers.join(),
  'CONTACT_POINTS=cassandra': `CONTACT_POINTS=${cassandra.contactPoints.join()}`,
  'contact-points cassandra': `contact-points ${cassandra.contactPoints.join()}`,
})

const T = Date.UTC(2026, 2, 2, 14, 30)
const trade = (s: string, t: number) => ({ s, t: T + t, p: 100 + (t % 7), v: 1 + (t % 5), c: ['1'] })
const frame = (index: number) => ['AAPL', 'MSFT'].map((symbol) => trade(symbol, 1_000 * index))
/** A minute and a half of two symbols, and two frames that nobody can read. */
const DAY = [
  ...Array.from({ length: 90 }, (_, index) => JSON.stringify({ type: 'trade', data: frame(index) })),
  '{"type":"trade","data":[{"s":"AAPL"',
  '{"type":"trade","data":"none"}',
]
  .map((text, index) => JSON.stringify({ received: T + 1_000 * index + 50, conn: 0, frame: text }))
  .join('\n')
