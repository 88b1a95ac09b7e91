/** The executable pushes trades into Grafana Live, in every way to run it, and goes on while Grafana hangs. */
import { afterAll, describe, expect, test } from 'bun:test'

import { temporaryFolder } from './binary.ts'
import { canary } from './canary.ts'
import { openMarket, serversForTests } from './market.ts'
import { readiness, running, until } from './running.ts'
import { OPTIONS } from '../src/config/options.ts'
import { grafana } from '../src/api/grafana-live.fixture.ts'
import { systemClock } from '../src/clock.ts'
import { channelName } from '../src/grafana-channel.ts'
import { startSimulator } from '../src/ingest/simulator/simulator.ts'
import { silentLog } from '../src/telemetry.ts'

const LIMIT_MS = 60_000
const TOKEN = canary('grafana-live')
const ENV = { STOCKPIPE_GRAFANA_LIVE_TOKEN: TOKEN }
const PUSHED = /^stockpipe_grafana_live_pushes_total{outcome="ok"} [1-9]/m
const CHANNELS = OPTIONS.symbols.default.map(channelName)

// With nothing of the past, as the simulated feed has it: what is not of the last minute is not pushed.
const market = await startSimulator({ rate: 40 }, { clock: systemClock, log: silentLog })
afterAll(() => market[Symbol.asyncDispose]())
const FEED = ['--finnhub-url', market.url, '--listen', '127.0.0.1:0']
const servers = await serversForTests()

/** Waits until there was a point of every symbol, each just now. */
async function getsAll({ got, headers }: ReturnType<typeof grafana>): Promise<void> {
  const from = Date.now() - 120_000
  await until(
    () => new Set(got.map(({ channel }) => channel)),
    ({ size }) => size >= CHANNELS.length,
  )
  expect(new Set(got.map(({ channel }) => channel))).toEqual(new Set(CHANNELS))
  expect(new Set(headers)).toEqual(new Set([`Bearer ${TOKEN}`]))
  for (const { price, volume, vwap, ns } of got) {
    expect([price > 0, volume > 0, vwap > 0]).toEqual([true, true, true])
    expect(Number(ns) / 1e6).toBeWithin(from, Date.now() + 60_000)
  }
}

const newest = async (url: string): Promise<number> => {
  const { data } = (await (await fetch(`${url}/v1/latest`)).json()) as { data: { trade_ts: number }[] }
  return Math.max(...data.map((row) => row.trade_ts))
}

test.concurrent(
  'one process pushes points of every symbol; rows, api and readiness do not wait for a Grafana that hangs',
  async () => {
    using folder = temporaryFolder()
    const { promise: late, resolve } = Promise.withResolvers<Response>()
    let hangsFrom = Number.POSITIVE_INFINITY
    let hanging = 0
    await using server = grafana(() => {
      if (Date.now() < hangsFrom) return new Response()
      hanging++
      return late
    })
    const where = ['--data-dir', folder.path, '--grafana-live-url', server.url]
    await using process = running(['run', ...FEED, ...where], ENV)
    const url = await process.url()
    await getsAll(server)
    const isCounted = async () => PUSHED.test(await (await fetch(`${url}/metrics`)).text())
    await until(isCounted, Boolean)
    hangsFrom = Date.now()
    await until(
      () => hanging,
      (count) => count > 0,
    )
    const since = Date.now()
    const count = server.got.length
    await until(
      () => newest(url),
      (time) => time > since,
    )
    expect(server.got).toHaveLength(count)
    expect(await readiness(url)).toMatchObject({ status: 200 })
    hangsFrom = Number.POSITIVE_INFINITY
    resolve(new Response())
    await until(
      () => server.got,
      (got) => got.some(({ ns }) => Number(ns) / 1e6 > since),
    )
    expect(await process.stop()).toBe(0)
  },
  LIMIT_MS,
)

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('on Kafka and Cassandra', () => {
  test.concurrent(
    'an api of its own pushes what the processors tell it',
    async () => {
      await using own = openMarket(servers as NonNullable<typeof servers>)
      using folder = temporaryFolder()
      await using server = grafana()
      const where = ['--partitions', '1', ...FEED, ...own.log, ...own.store]
      await using trading = running(['run', '--role', 'producer,processor', '--data-dir', folder.path, ...where])
      await using api = running(['run', '--role', 'api', ...where, '--grafana-live-url', server.url], ENV)
      await getsAll(server)
      expect(api.named('grafana_live.failing')).toEqual([])
      await Promise.all([trading, api].map(async (one) => expect(await one.stop()).toBe(0)))
    },
    LIMIT_MS,
  )
})
